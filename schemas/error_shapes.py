"""How a protocol tells its clients of an error: the document, its media type and the status, for each kind of error."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from marshmallow import Schema

from schemas.errors import InvalidInput, ServiceError


@dataclass(frozen=True, slots=True)
class ErrorShape:
    """The shape of the errors of one protocol.

    ``document`` makes the JSON document of an error, given the request's id. ``schema`` describes the documents of a
    class of errors. ``invalid_status`` answers input that breaks the contract; every other error keeps its status.
    """

    media_type: str
    document: Callable[[ServiceError, str], dict[str, Any]]
    schema: Callable[[type[ServiceError]], type[Schema]]
    invalid_status: int = InvalidInput.status

    def status(self, error: type[ServiceError]) -> int:
        """The HTTP status of a class of errors."""
        return self.invalid_status if issubclass(error, InvalidInput) else error.status

    def body(self, error: ServiceError, request_id: str) -> bytes:
        """The document as JSON."""
        return orjson.dumps(self.document(error, request_id))


def in_one_sentence(error: ServiceError) -> str:
    """What is wrong, with each invalid field by its name, for protocols whose errors are one text."""
    if not isinstance(error, InvalidInput):
        return error.detail
    listed = " ".join(f"{field}: {' '.join(messages)}" for field, messages in error.errors.items())
    more = error.total - len(error.errors)
    return f"{error.detail} {listed}" + (f" And {more} more." if more > 0 else "")
