"""Marshmallow to JSON Schema: apispec's own rules, and where this service says more or less than they do."""

from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import Schema, fields

from inference.contract import UNBOUNDED
from schemas.answers import Answer

OPENAPI = "3.1.0"


class Converter(OpenAPIConverter):
    """Writes what OpenAPI 3.1 prefers, leaves out what says nothing."""

    def field2property(self, field: fields.Field[Any]) -> dict[str, Any]:
        """The JSON Schema of a field."""
        made: dict[str, Any] = super().field2property(field)
        for bound in ("minimum", "maximum"):
            if abs(made.get(bound, 0)) >= UNBOUNDED:  # it would be noise
                del made[bound]
        if not made.get("description", True):
            del made["description"]
        if "example" in made:  # JSON Schema's own word is ``examples``
            example = made.pop("example")
            made |= {"examples": [example]} if example is not None or field.allow_none else {}
        if "pattern" in made:  # Marshmallow matches from the start, JSON Schema anywhere; \Z is Python's alone
            made["pattern"] = "^" + made["pattern"].removeprefix("^").replace(r"\Z", "$")
        if made.get("additionalProperties") == {}:  # which some generators of clients do not read
            made["additionalProperties"] = True
        return made

    def schema2jsonschema(self, schema: Schema | type[Schema]) -> dict[str, Any]:
        """The JSON Schema of an object; an answer may have more keys in a later version, an input may not."""
        made: dict[str, Any] = super().schema2jsonschema(schema)  # type: ignore[no-untyped-call]  # untyped there
        if issubclass(schema if isinstance(schema, type) else type(schema), Answer):
            made.pop("additionalProperties", None)
        return made


class Plugin(MarshmallowPlugin):
    """apispec's plugin with our rules."""

    Converter = Converter

    def __init__(self) -> None:
        super().__init__(_name)


def _name(schema: Schema | type[Schema]) -> str:
    return (schema if isinstance(schema, type) else type(schema)).__name__.removesuffix("Schema")


def convert(field: fields.Field[Any]) -> dict[str, Any]:
    """The JSON Schema of a single field, such as a query parameter's."""
    plugin = Plugin()
    APISpec("", "", OPENAPI, plugins=[plugin])
    assert plugin.converter is not None
    made: dict[str, Any] = plugin.converter.field2property(field)
    return made
