"""What may go wrong with a request, each with its status and a stable type.

``service/web/error_handler.py`` turns them into responses of the application,
``service/server/error_responses.py`` into those of gunicorn itself.

ServiceError 500
├── BadRequest 400, UriTooLong 414, ExpectationFailed 417, HeadersTooLarge 431, NotSupported 501: by gunicorn
├── RequestTimeout 408
├── NotFound 404 ── UnknownVersion
├── MethodNotAllowed 405
├── Unauthorized 401, Forbidden 403, TooManyRequests 429
├── NotReady 503, StoreUnavailable 503, Overloaded 503
├── BodyTooLarge 413, UnsupportedMediaType 415, InvalidHeader 400, MalformedBody 400
├── Conflict 409
└── InvalidInput 422
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

MOST_ERRORS = 100
"""Errors listed in one answer; ``errors_total`` says how many there were."""

INTERNAL_ERROR = "The service failed to answer; its log tells why under this request_id."
"""All that a client is told of an internal error."""


class ServiceError(Exception):
    """An error that is answered to the client. ``detail`` is a sentence. Values of a header take a line each."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Internal error"

    def __init__(self, detail: str, headers: Mapping[str, str | Sequence[str]] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.headers = dict(headers or {})

    def document(self, request_id: str) -> dict[str, Any]:
        """The problem document (RFC 9457) of this error, for the application and for the server before it."""
        return {
            "type": self.urn(),
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "request_id": request_id,
        }

    @classmethod
    def urn(cls) -> str:
        """The stable name of this kind of error, for programs."""
        return f"urn:problem:{cls.type}"

    @classmethod
    def summary(cls) -> str:
        """What it means, in one sentence: the first line of its docstring."""
        return (cls.__doc__ or cls.title).partition("\n")[0]


class BadRequest(ServiceError):
    """Not valid HTTP."""

    status = 400
    type = "bad-request"
    title = "Bad request"


class UriTooLong(ServiceError):
    """A longer request line than the server takes."""

    status = 414
    type = "uri-too-long"
    title = "URI too long"


class ExpectationFailed(ServiceError):
    """An ``Expect`` header other than 100-continue."""

    status = 417
    type = "expectation-failed"
    title = "Expectation failed"


class HeadersTooLarge(ServiceError):
    """More or longer headers than the server takes."""

    status = 431
    type = "request-header-fields-too-large"
    title = "Request header fields too large"


class NotSupported(ServiceError):
    """A transfer coding other than chunked."""

    status = 501
    type = "not-implemented"
    title = "Not implemented"


class NotFound(ServiceError):
    """No such route, record or version."""

    status = 404
    type = "not-found"
    title = "Not found"


class UnknownVersion(NotFound):
    """A ``model_version`` that is not loaded."""

    type = "unknown-model-version"
    title = "Model version not loaded"


class MethodNotAllowed(ServiceError):
    """The route is there, the method is not."""

    status = 405
    type = "method-not-allowed"
    title = "Method not allowed"


class Unauthorized(ServiceError):
    """No token, or an unknown one."""

    status = 401
    type = "unauthorized"
    title = "Unauthorized"


class Forbidden(ServiceError):
    """A known client that may not do this."""

    status = 403
    type = "forbidden"
    title = "Forbidden"


class TooManyRequests(ServiceError):
    """The client's limit is used up."""

    status = 429
    type = "too-many-requests"
    title = "Too many requests"


class NotReady(ServiceError):
    """This worker has no model to predict with."""

    status = 503
    type = "not-ready"
    title = "No model is loaded"


class StoreUnavailable(ServiceError):
    """The records' database does not answer. Predictions go on; reads and feedback cannot."""

    status = 503
    type = "records-unavailable"
    title = "Records not available"


class Overloaded(ServiceError):
    """The request would wait longer for its turn than OVERLOAD_MS; ``Retry-After`` says when to send it again."""

    status = 503
    type = "overloaded"
    title = "Overloaded"


class RequestTimeout(ServiceError):
    """The client was too slow in sending its request; the connection closes."""

    status = 408
    type = "request-timeout"
    title = "Request timeout"


class BodyTooLarge(ServiceError):
    """More bytes than MAX_BODY_BYTES."""

    status = 413
    type = "body-too-large"
    title = "Body too large"


class UnsupportedMediaType(ServiceError):
    """Of no Content-Type that the route takes, or compressed."""

    status = 415
    type = "unsupported-media-type"
    title = "Unsupported media type"


class InvalidHeader(ServiceError):
    """An ``X-Client-Key`` that is too long, or holds what cannot be seen."""

    status = 400
    type = "invalid-header"
    title = "Invalid header"


class MalformedBody(ServiceError):
    """Not of the format that its Content-Type says, by its bytes."""

    status = 400
    type = "malformed-body"
    title = "Malformed body"


class Conflict(ServiceError):
    """Contradicts what is known already."""

    status = 409
    type = "conflict"
    title = "Conflict"


class InvalidInput(ServiceError):
    """A well-formed body that breaks the contract. ``errors`` maps a field to its messages."""

    status = 422
    type = "invalid-input"
    title = "Invalid input"

    def __init__(self, errors: Mapping[str, Sequence[str]], total: int) -> None:
        fields = "1 error" if total == 1 else f"{total} errors"
        super().__init__(f"The input breaks the model's contract: {fields}.")
        self.errors = errors
        self.total = total

    def document(self, request_id: str) -> dict[str, Any]:
        """The problem document, with the errors by field."""
        return super().document(request_id) | {"errors": self.errors, "errors_total": self.total}
