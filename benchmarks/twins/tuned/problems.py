"""Problem documents (RFC 9457) as responses, in the shape of the Flask service's answers."""

import orjson
from pydantic import ValidationError
from starlette.responses import Response

from schemas.errors import MOST_ERRORS, InvalidInput, ServiceError

MEDIA_TYPE = "application/problem+json"


def invalid(exc: ValidationError) -> InvalidInput:
    """Pydantic's errors by field, at most MOST_ERRORS; without the input, which may not be JSON."""
    listed: dict[str, list[str]] = {}
    for error in exc.errors(include_url=False, include_context=False, include_input=False)[:MOST_ERRORS]:
        listed.setdefault(".".join(map(str, error["loc"])) or "$", []).append(error["msg"])
    return InvalidInput(listed, exc.error_count())


def answer(error: ServiceError, request_id: str) -> Response:
    """The error as a response."""
    headers = {name: value if isinstance(value, str) else ", ".join(value) for name, value in error.headers.items()}
    return Response(orjson.dumps(error.document(request_id)), error.status, headers, MEDIA_TYPE)
