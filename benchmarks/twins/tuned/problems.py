"""Problems (RFC 9457), in the shape of the Flask service's answers."""

from collections.abc import Mapping
from typing import Any

import orjson
from pydantic import ValidationError
from starlette.responses import Response

from schemas import errors

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """Stops a request with an answer other than 200."""

    def __init__(
        self, kind: type[errors.ServiceError], detail: str, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.headers = headers
        self.more = more


def invalid(exc: ValidationError) -> Problem:
    """Pydantic's errors by field, at most MOST_ERRORS; without the input, which may not be JSON."""
    listed: dict[str, list[str]] = {}
    for error in exc.errors(include_url=False, include_context=False, include_input=False)[: errors.MOST_ERRORS]:
        listed.setdefault(".".join(map(str, error["loc"])) or "$", []).append(error["msg"])
    total = exc.error_count()
    return Problem(
        errors.InvalidInput,
        f"The input breaks the model's contract: {total} errors.",
        errors=listed,
        errors_total=total,
    )


def answer(problem: Problem, request_id: str) -> Response:
    """The problem as a response."""
    document = problem.kind(problem.detail).document(request_id) | problem.more
    return Response(orjson.dumps(document), problem.kind.status, problem.headers, MEDIA_TYPE)
