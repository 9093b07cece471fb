"""The operation of a view, declared once above it: the documents, ``GET /``, the guards and the worker read it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from marshmallow import Schema
from marshmallow.fields import Field
from werkzeug.routing import Rule

from schemas.error_shapes import ErrorShape
from schemas.errors import ServiceError
from schemas.problems import PROBLEM_DETAILS

View = TypeVar("View", bound=Callable[..., Any])
Tag = Literal["predictions", "model", "health", "service", "records", "oip", "mlflow"]
Scope = Literal["predict", "observe"]
ATTRIBUTE = "operation"
TABLE = (
    "A table: a column for each feature, by its name and in any order; null is an empty cell in CSV, null or NaN in "
    "the others."
)


@dataclass(frozen=True, slots=True)
class Operation:
    """What one route takes and answers, and which rules hold for it.

    ``answers`` maps each status of success to its schema. ``takes`` is a body schema, several of which one is taken, or
    the name of one made from the served model's contract. ``also_takes`` and ``also_answers`` are further media types
    of the same rows and answers; ``also_means`` says how a body of those is to be read. ``example`` makes a body from
    one valid row, for the documents. ``fails`` are the view's own errors: those of authentication and of the rate limit
    follow from the rules. ``path``, ``query`` and ``headers`` hold the parameters and the request's headers that mean
    something to it, each a sentence or a field. ``media`` is the media type of a 200, ``errors`` the shape of all
    errors.

    The rules: ``scope`` is what a token must allow, None opens the route to everybody. ``limited`` requests count
    against RATE_LIMIT. A ``page`` is for people: a page itself, or a file or figures that only pages fetch. Its 401
    offers HTTP Basic, which browsers know, beside Bearer, and the OpenAPI document leaves it out. ``batch`` answers
    many rows at once. A ``slow`` operation may wait for a database, or reads the files of
    all workers.
    """

    summary: str
    tag: Tag
    answers: Mapping[int, type[Schema] | None]
    takes: type[Schema] | tuple[type[Schema], ...] | Literal["row", "batch"] | None = None
    also_takes: tuple[str, ...] = ()
    also_answers: tuple[str, ...] = ()
    also_means: str = TABLE
    fails: tuple[type[ServiceError], ...] = ()
    query: Mapping[str, str | Field[Any]] = field(default_factory=dict)
    headers: Mapping[str, str | Field[Any]] = field(default_factory=dict)
    path: Mapping[str, str] = field(default_factory=dict)
    media: str = "application/json"
    errors: ErrorShape = PROBLEM_DETAILS
    example: Callable[[Mapping[str, Any]], Any] | None = None
    scope: Scope | None = "observe"
    limited: bool = False
    page: bool = False
    batch: bool = False
    slow: bool = False


def operation(declared: Operation) -> Callable[[View], View]:
    """Attach an operation to a view."""

    def decorate(view: View) -> View:
        setattr(view, ATTRIBUTE, declared)
        return view

    return decorate


def operation_of(view: Callable[..., Any]) -> Operation | None:
    """The operation of a view; None where none is attached."""
    declared: Operation | None = getattr(view, ATTRIBUTE, None)
    return declared


def template_of(rule: Rule) -> str:
    """A route's path as OpenAPI writes it: ``/v2/models/{name}``."""
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
