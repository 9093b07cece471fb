"""gunicorn's own error responses, which the application never sees, in the shape of every other error (RFC 9457)."""

import uuid
from contextlib import suppress
from http import HTTPStatus
from socket import socket

import orjson
from gunicorn import util

from schemas.errors import (
    BadRequest,
    ExpectationFailed,
    Forbidden,
    HeadersTooLarge,
    NotFound,
    NotSupported,
    RequestTimeout,
    ServiceError,
    UriTooLong,
    error_class,
)
from service import log

_ERRORS = {
    error.status: error
    for error in (
        BadRequest("The request is not valid HTTP: its request line, a header or its chunked framing is malformed."),
        Forbidden("This address may not connect in this way."),
        NotFound("There is nothing at this path; the service is under another prefix."),
        RequestTimeout("The request did not arrive in time."),
        UriTooLong("The request line is longer than the server takes."),
        ExpectationFailed("The server meets no expectation but 100-continue."),
        HeadersTooLarge("The headers are more or longer than the server takes."),
        ServiceError("The server failed before the application could answer."),
        NotSupported("The transfer coding of the body is not supported; send it chunked or with a Content-Length."),
    )
}
"""What gunicorn refuses with, by status."""
_OUTSIDE = "does not start with SCRIPT_NAME"
"""What gunicorn says of a path outside the prefix of the service."""


def install_error_responses() -> None:
    """Make every gunicorn worker of this process, and of those it forks, send problem+json; called once."""
    util.write_error = write_error


def write_error(sock: socket, status_int: int, reason: str, mesg: str) -> None:
    """Respond to a request that gunicorn refuses. ``mesg`` echoes the input: it goes to the log only."""
    request_id = str(uuid.uuid4())
    if status_int == 500 and _OUTSIDE in mesg:  # gunicorn takes it for an error of the server
        status_int = NotFound.status
    log.info("refused", request_id=request_id, status=status_int, reason=mesg)
    util.write_nonblock(sock, error_response(status_int, request_id))


def write_request_timeout(sock: socket) -> None:
    """Respond to a request that did not arrive in time, if the client is still there."""
    with suppress(OSError):
        util.write_error(sock, RequestTimeout.status, "Request Timeout", "")


def error_response(status: int, request_id: str) -> bytes:
    """The whole HTTP response, head and body; the connection closes after it."""
    phrase = HTTPStatus(status).phrase
    error = _ERRORS.get(status) or error_class(status, phrase)(phrase)
    body = orjson.dumps(error.document(request_id))
    head = (
        f"HTTP/1.1 {status} {phrase}\r\n"
        f"Date: {util.http_date()}\r\n"
        "Connection: close\r\n"
        "Content-Type: application/problem+json\r\n"
        f"Content-Length: {len(body)}\r\n"
        f"X-Request-ID: {request_id}\r\n\r\n"
    )
    return head.encode("ascii") + body
