"""The documents: OpenAPI made from the schemas that validate, its two pages, ``flask openapi``."""

from service.cli.openapi import openapi_command
from service.web.context import ServingApp
from service.web.docs.pages import Pages

__all__ = ["openapi_command", "register"]


def register(app: ServingApp) -> None:
    """Serve the documents; call it after every view was registered."""
    Pages(app)
