"""Marshmallow schemas: what comes in, made from a model's contract, and what goes out. They validate and document."""
