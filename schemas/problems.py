"""The answers to errors, for the documents: problem details (RFC 9457)."""

from typing import Any

from marshmallow import fields

from schemas.answers import Answer
from schemas.error_shapes import ErrorShape
from schemas.errors import INTERNAL_ERROR, InvalidInput, ServiceError

_ID = "3f0e2c1a-5b7d-4c1e-9a43-0c6f5b0d2e11"


class Problem(Answer):
    """What went wrong (RFC 9457)."""

    type = fields.String(required=True, metadata={"description": "Names the kind of problem; stable, for programs."})
    title = fields.String(required=True, metadata={"description": "The kind of problem in words."})
    status = fields.Integer(required=True, metadata={"description": "The HTTP status."})
    detail = fields.String(required=True, metadata={"description": "This problem in a sentence, for people."})
    request_id = fields.String(
        required=True, metadata={"description": "As in X-Request-ID; names the request in the service's log."}
    )


class InvalidInputProblem(Problem):
    """What is wrong with the input, field by field."""

    errors = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        required=True,
        metadata={
            "description": "What is wrong with each field, at most 100 of them. The keys: `feature_4`; in a batch "
            "`instances.17.feature_4` (the row counted from 0); `$` for the body itself."
        },
    )
    errors_total = fields.Integer(required=True, metadata={"description": "How many errors there are, listed or not."})


def problem_schema(error: type[ServiceError]) -> type[Problem]:
    """The schema of an error's document."""
    return InvalidInputProblem if issubclass(error, InvalidInput) else Problem


def problem_meaning(error: type[ServiceError]) -> str:
    """What an error means, in words for clients."""
    return INTERNAL_ERROR if error is ServiceError else error.summary().replace("``", "`")


def _document(error: ServiceError, request_id: str) -> dict[str, Any]:
    return error.document(request_id)  # of the error's own class: one adds the errors by field


PROBLEM_DETAILS = ErrorShape("application/problem+json", _document, problem_schema)
"""The shape of the service's own routes."""


def problem_example(shape: ErrorShape, error: type[ServiceError], field: str) -> dict[str, Any]:
    """A document of this error; ``field`` is the invalid one where the error names fields."""
    invalid = issubclass(error, InvalidInput)
    example = InvalidInput({field: ["Must be a number."]}, 1) if invalid else error(problem_meaning(error))
    example.detail = example.detail.replace("`", "")
    return shape.document(example, _ID)
