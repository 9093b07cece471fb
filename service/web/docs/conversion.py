"""Marshmallow to JSON Schema: apispec's own rules, and where this service says more or less than they do."""

from typing import Any

from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import fields

UNBOUNDED = 1e300
"""A bound this far out is a contract's way to say that there is none; in a document it would be noise."""


def _without_noise(self: OpenAPIConverter, field: fields.Field[Any], ret: dict[str, Any]) -> dict[str, Any]:
    for bound in ("minimum", "maximum"):
        if abs(ret.get(bound, 0)) >= UNBOUNDED:
            del ret[bound]
    if not ret.get("description", True):
        del ret["description"]
    return {}


def _examples(self: OpenAPIConverter, field: fields.Field[Any], ret: dict[str, Any]) -> dict[str, Any]:
    """JSON Schema's own ``examples``: OpenAPI 3.1 has no other use for ``example`` in a schema."""
    if "example" not in ret:
        return {}
    example = ret.pop("example")
    return {"examples": [example]} if example is not None or field.allow_none else {}


def _any_object(self: OpenAPIConverter, field: fields.Field[Any], ret: dict[str, Any]) -> dict[str, Any]:
    """What apispec writes for a dict of anything is ``{}``, which some generators of clients do not read."""
    if ret.get("additionalProperties") == {}:
        ret["additionalProperties"] = True
    return {}


def make_plugin() -> MarshmallowPlugin:
    """The plugin for one document; the name of a schema is its class's."""
    return MarshmallowPlugin(
        schema_name_resolver=lambda schema: (schema if isinstance(schema, type) else type(schema)).__name__
    )


def refine(plugin: MarshmallowPlugin) -> None:
    """Add the rules above; to be called once the plugin belongs to a document."""
    converter: Any = plugin.converter
    for rule in (_without_noise, _examples, _any_object):
        converter.add_attribute_function(rule)
