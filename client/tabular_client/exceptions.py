"""What a call may raise. Catch ``ClientError`` for all of it.

ClientError
├── Unreachable: no connection, or it broke and stayed broken
└── ServiceError: the service answered with an error
    ├── InvalidInput 422: names the fields and, of a frame, the positions
    ├── Unauthorized 401, Forbidden 403
    ├── NotFound 404, Conflict 409, BodyTooLarge 413
    └── TooManyRequests 429, Unavailable 503: after the retries
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 5


class ClientError(Exception):
    """A call that could not be answered.

    ``partial``: of a frame sent in several chunks, the answers to the rows before the error; None where there are none.
    The service has recorded these.
    """

    partial: pd.DataFrame | None = None


class Unreachable(ClientError):
    """No answer: the connection could not be made or broke, or the answer did not come in time."""


class ServiceError(ClientError):
    """The service's own refusal, as its problem document says it.

    ``status`` is the HTTP status, ``type`` the stable name of the error (``urn:problem:...``), ``detail`` a sentence,
    ``request_id`` what the service's log has it under. Empty where a proxy answered in its place.
    """

    def __init__(self, status: int, detail: str, type: str = "", request_id: str = "") -> None:
        super().__init__(f"{status}: {detail}" + (f" (request {request_id})" if request_id else ""))
        self.status, self.detail, self.type, self.request_id = status, detail, type, request_id


@dataclass(frozen=True)
class RowError:
    """What is wrong with one field.

    ``position`` is the row's, counted from 0 in the whole frame; None where a single row was sent or the error is not
    of one row. ``label`` is its index in the frame. ``field`` is the feature's name, or the key in the service's
    answer.
    """

    position: int | None
    label: Any
    field: str
    messages: tuple[str, ...]

    def __str__(self) -> str:
        where = "" if self.position is None else f"row {self.position} (index {self.label!r}), "
        return f"{where}{self.field}: {' '.join(self.messages)}"


class InvalidInput(ServiceError):
    """Rows that break the model's contract, or a value that JSON does not have.

    ``errors`` lists the first hundred. ``total`` is how many there were in the chunk of rows that was refused.
    """

    def __init__(self, detail: str, errors: Sequence[RowError], total: int, request_id: str = "") -> None:
        shown = "; ".join(str(error) for error in errors[:SHOWN])
        rest = f"; and {total - SHOWN} more" if total > SHOWN and len(errors) > SHOWN else ""
        super().__init__(422, f"{detail} {shown}{rest}", "urn:problem:invalid-input", request_id)
        self.detail, self.errors, self.total = detail, tuple(errors), total

    @property
    def fields(self) -> dict[str, list[str]]:
        """The messages by field, each message once."""
        found: dict[str, list[str]] = {}
        for error in self.errors:
            told = found.setdefault(error.field, [])
            told.extend(message for message in error.messages if message not in told)
        return found


class Unauthorized(ServiceError):
    """No token, or one that the service does not know."""


class Forbidden(ServiceError):
    """A known token that may not do this."""


class NotFound(ServiceError):
    """No such prediction, version or route."""


class Conflict(ServiceError):
    """Another outcome is known for this prediction already."""


class BodyTooLarge(ServiceError):
    """A single row, or outcome, with more bytes than the service takes."""


class TooManyRequests(ServiceError):
    """The rate limit is used up, and stays so for longer than the call may take."""


class Unavailable(ServiceError):
    """The service has no model, is overloaded or restarts, for longer than the call may take."""


class Problem:
    """Makes the exception of an answer with an error status."""

    CLASSES: ClassVar[Mapping[int, type[ServiceError]]] = {
        401: Unauthorized,
        403: Forbidden,
        404: NotFound,
        409: Conflict,
        413: BodyTooLarge,
        429: TooManyRequests,
        502: Unavailable,
        503: Unavailable,
    }

    @classmethod
    def error(cls, status: int, document: Mapping[str, Any], reason: str) -> ServiceError:
        """The exception; ``document`` is empty where the body is no problem document."""
        detail = str(document.get("detail") or reason or "the service refused the request")
        request_id = str(document.get("request_id") or "")
        errors = document.get("errors")
        if status == 422 and isinstance(errors, Mapping):
            found = [RowError(None, None, str(key), tuple(map(str, told))) for key, told in errors.items()]
            return InvalidInput(detail, found, int(document.get("errors_total", len(found))), request_id)
        return cls.CLASSES.get(status, ServiceError)(status, detail, str(document.get("type") or ""), request_id)
