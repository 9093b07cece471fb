"""Parts of the OpenAPI document: JSON Schemas made from Marshmallow's, and the responses of an operation."""

from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import Schema, fields

from inference.contract import UNBOUNDED
from schemas.answers import Answer
from schemas.errors import ServiceError, TooManyRequests
from schemas.problems import problem_example, problem_meaning
from service.web.docs.samples import Samples
from service.web.operation import TABLE, Operation

Document = dict[str, Any]

OPENAPI = "3.1.0"
HEADERS: dict[str, tuple[str, Document]] = {
    "X-Request-ID": ("Names the request: the client's own id where it sent a sane one.", {"type": "string"}),
    "X-Model-Version": ("The version that answered.", {"type": "string"}),
    "X-Prediction-ID": ("Of an answer that is a table: names it, for feedback.", {"type": "string"}),
    "RateLimit-Limit": ("Requests a client may make in a period.", {"type": "integer"}),
    "RateLimit-Remaining": ("How many of them are left.", {"type": "integer"}),
    "RateLimit-Reset": ("Seconds until they are renewed.", {"type": "integer"}),
    "Retry-After": ("Seconds to wait before trying again.", {"type": "integer"}),
    "WWW-Authenticate": ("How to authenticate (RFC 6750).", {"type": "string"}),
}
_LIMIT = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
_BY_STATUS = {401: ("WWW-Authenticate",), 403: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}


class Converter(OpenAPIConverter):
    """apispec's rules, with the form that OpenAPI 3.1 prefers and without what has no meaning."""

    def field2property(self, field: fields.Field[Any]) -> Document:
        """The JSON Schema of a field."""
        made: Document = super().field2property(field)
        for bound in ("minimum", "maximum"):
            if abs(made.get(bound, 0)) >= UNBOUNDED:
                del made[bound]
        if not made.get("description", True):
            del made["description"]
        if "example" in made:  # JSON Schema's own word is ``examples``
            example = made.pop("example")
            made |= {"examples": [example]} if example is not None or field.allow_none else {}
        if "pattern" in made:  # Marshmallow matches from the start, JSON Schema anywhere; \Z is Python's alone
            made["pattern"] = "^" + made["pattern"].removeprefix("^").replace(r"\Z", "$")
        if made.get("additionalProperties") == {}:  # some generators of clients cannot read this form
            made["additionalProperties"] = True
        return made

    def schema2jsonschema(self, schema: Schema | type[Schema]) -> Document:
        """The JSON Schema of an object; an answer may have more keys in a later version, an input may not."""
        made: Document = super().schema2jsonschema(schema)  # type: ignore[no-untyped-call]  # untyped there
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


def convert(field: fields.Field[Any]) -> Document:
    """The JSON Schema of a single field, such as a query parameter's."""
    plugin = Plugin()
    APISpec("", "", OPENAPI, plugins=[plugin])
    assert plugin.converter is not None
    made: Document = plugin.converter.field2property(field)
    return made


def header_components() -> dict[str, Document]:
    """Every header by name, for references."""
    return {
        name: {"description": meaning, "schema": schema, "required": False}
        for name, (meaning, schema) in HEADERS.items()
    }


def responses(operation: Operation, errors: tuple[type[ServiceError], ...], samples: Samples) -> dict[str, Document]:
    """The responses of an operation by status; ``errors`` are those that can happen with these settings."""
    limited = _LIMIT if TooManyRequests in errors else ()
    found = {str(status): _answer(operation, status, limited, samples) for status in operation.answers}
    by_status: dict[int, list[type[ServiceError]]] = {}
    for error in errors:
        by_status.setdefault(operation.errors.status(error), []).append(error)
    for status, same in sorted(by_status.items()):
        found.setdefault(str(status), _problem(operation, same, _BY_STATUS.get(status, ()) + limited, samples))
    return found


_TABLE_ANSWER = (
    "A table: a column `prediction`, `probability` where the model has them and, with ?probabilities=true, "
    "`probability.<class>`."
)


def _answer(operation: Operation, status: int, limited: tuple[str, ...], samples: Samples) -> Document:
    schema = operation.answers[status]
    versioned: tuple[str, ...] = ("X-Model-Version",) if operation.takes in ("row", "batch") else ()
    versioned += ("X-Prediction-ID",) if operation.also_answers and operation.also_means is TABLE else ()
    content: Document = {} if schema is None else {"schema": schema}
    if schema in samples.answers:
        content["example"] = samples.answers[schema]
    summary = (schema.__doc__ or "").partition("\n")[0] if schema is not None else operation.summary + "."
    return {
        "description": summary,
        "headers": _references(versioned + limited + _BY_STATUS.get(status, ())),
        "content": {operation.media: content}
        | tables(
            operation.also_answers,
            _TABLE_ANSWER if operation.also_means is TABLE else operation.also_means,
        ),
    }


def _problem(
    operation: Operation, errors: list[type[ServiceError]], headers: tuple[str, ...], samples: Samples
) -> Document:
    shape = operation.errors
    examples = {
        error.type: {"summary": error.title, "value": problem_example(shape, error, samples.field)} for error in errors
    }
    return {
        "description": " ".join(f"{error.title}: {problem_meaning(error)}" for error in errors),
        "headers": _references(headers),
        "content": {shape.media_type: {"schema": shape.schema(errors[0]), "examples": examples}},
    }


def tables(media_types: tuple[str, ...], meaning: str) -> Document:
    """The content of bodies that are not JSON, by media type; what stands in them has no JSON Schema."""
    return {media: {"schema": {"type": "string", "format": "binary", "description": meaning}} for media in media_types}


def _references(names: tuple[str, ...]) -> dict[str, Document]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-ID", *names)}
