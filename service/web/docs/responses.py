"""The answers of a route, as its promise tells them: what is asked for, and each way it can fail."""

from typing import Any

from schemas.errors import ServiceError, TooManyRequests
from schemas.problems import MEDIA_TYPE, problem_example, problem_meaning, problem_schema
from service.web.docs.samples import Samples
from service.web.operation import Operation

Document = dict[str, Any]

HEADERS: dict[str, tuple[str, Document]] = {
    "X-Request-ID": ("Names the request: the client's own id where it sent a sane one.", {"type": "string"}),
    "X-Model-Version": ("The version that answered.", {"type": "string"}),
    "RateLimit-Limit": ("Requests a client may make in a period.", {"type": "integer"}),
    "RateLimit-Remaining": ("How many of them are left.", {"type": "integer"}),
    "RateLimit-Reset": ("Seconds until they are renewed.", {"type": "integer"}),
    "Retry-After": ("Seconds to wait before trying again.", {"type": "integer"}),
    "WWW-Authenticate": ("How to authenticate (RFC 6750).", {"type": "string"}),
}
_LIMIT = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
_OWN = {401: ("WWW-Authenticate",), 403: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}
"""Headers that come with a status."""


def header_components() -> dict[str, Document]:
    """Every header, to be referred to by name."""
    return {
        name: {"description": meaning, "schema": schema, "required": False}
        for name, (meaning, schema) in HEADERS.items()
    }


def responses(promise: Operation, faults: tuple[type[ServiceError], ...], samples: Samples) -> dict[str, Document]:
    """The responses of a route by status; ``faults`` are those that can happen as the service is set up."""
    limited = _LIMIT if TooManyRequests in faults else ()
    found = {str(status): _answer(promise, status, limited, samples) for status in promise.answers}
    by_status: dict[int, list[type[ServiceError]]] = {}
    for error in faults:
        by_status.setdefault(error.status, []).append(error)
    for status, same in sorted(by_status.items()):
        found.setdefault(str(status), _problem(same, _OWN.get(status, ()) + limited, samples))
    return found


def _answer(promise: Operation, status: int, limited: tuple[str, ...], samples: Samples) -> Document:
    schema = promise.answers[status]
    versioned = ("X-Model-Version",) if promise.takes in ("row", "batch") else ()
    content: Document = {} if schema is None else {"schema": schema}
    if schema in samples.answers:
        content["example"] = samples.answers[schema]
    summary = (schema.__doc__ or "").partition("\n")[0] if schema is not None else promise.summary + "."
    return {
        "description": summary,
        "headers": _references(versioned + limited + _OWN.get(status, ())),
        "content": {promise.media: content},
    }


def _problem(faults: list[type[ServiceError]], headers: tuple[str, ...], samples: Samples) -> Document:
    examples = {
        error.type: {"summary": error.title, "value": problem_example(error, samples.field)} for error in faults
    }
    return {
        "description": " ".join(f"{error.title}: {problem_meaning(error)}" for error in faults),
        "headers": _references(headers),
        "content": {MEDIA_TYPE: {"schema": problem_schema(faults[0]), "examples": examples}},
    }


def _references(names: tuple[str, ...]) -> dict[str, Document]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-ID", *names)}
