"""The documents: OpenAPI made from the schemas that validate, and its two pages."""
