"""What a view promises, written once above it: read by the documents, by ``GET /`` and by the guards."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from marshmallow import Schema
from marshmallow.fields import Field

from schemas.errors import ServiceError

View = TypeVar("View", bound=Callable[..., Any])
Tag = Literal["predictions", "model", "health", "service", "records"]
Scope = Literal["predict", "observe"]
ATTRIBUTE = "operation"


@dataclass(frozen=True, slots=True)
class Operation:
    """One route's promise.

    ``takes`` is a body schema, several of which one is taken, or the name of one made from the served model's contract;
    ``scope`` what a token must allow, None for routes that ask for no token; ``query`` the query parameters with their
    meaning, or as a field; ``media`` the type of a 200 (a page, text/html, is for people and is not in the document).
    """

    summary: str
    tag: Tag
    answers: Mapping[int, type[Schema] | None]
    takes: type[Schema] | tuple[type[Schema], ...] | Literal["row", "batch"] | None = None
    fails: tuple[type[ServiceError], ...] = ()
    scope: Scope | None = None
    query: Mapping[str, str | Field[Any]] = field(default_factory=dict)
    media: str = "application/json"


def operation(promise: Operation) -> Callable[[View], View]:
    """Attach the promise to a view."""

    def decorate(view: View) -> View:
        setattr(view, ATTRIBUTE, promise)
        return view

    return decorate


def operation_of(view: Callable[..., Any] | None) -> Operation | None:
    """What was attached to a view, if anything."""
    found: Operation | None = getattr(view, ATTRIBUTE, None)
    return found
