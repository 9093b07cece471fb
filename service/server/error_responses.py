"""gunicorn's own error responses, which the application never sees, in the shape of every other error (RFC 9457).

A refusal of a request whose route is known has the shape of that route.
"""

import re
import uuid
from contextlib import suppress
from http import HTTPStatus
from math import ceil
from random import randrange
from socket import socket

from gunicorn import util

from schemas.error_shapes import ErrorShape
from schemas.errors import (
    BadRequest,
    BodyTooLarge,
    ExpectationFailed,
    Forbidden,
    HeadersTooLarge,
    NotFound,
    NotSupported,
    Overloaded,
    RequestTimeout,
    ServiceError,
    UriTooLong,
)
from schemas.errors_by_status import error_class
from schemas.problems import PROBLEM_DETAILS
from service import log

_ERRORS = {
    error.status: error
    for error in (
        BadRequest("The request is not valid HTTP: its request line, a header or its chunked framing is malformed."),
        Forbidden("This address may not connect in this way."),
        NotFound("There is nothing at this path; the service is under another prefix."),
        RequestTimeout("The request did not arrive in time."),
        BodyTooLarge("The body is larger than the server takes."),
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
OVERLOADED = "The service has more requests than it can answer in time; send it again after the seconds of Retry-After."
_SANE_ID = re.compile(r"[\x21-\x7e]{1,128}").fullmatch


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


def write_refusal(sock: socket, error: ServiceError) -> None:
    """Respond with a refusal of ours that gunicorn does not know, if the client is still there."""
    with suppress(OSError):
        util.write_error(sock, error.status, error.title, "")


def error_response(status: int, request_id: str) -> bytes:
    """The whole HTTP response, head and body; the connection closes after it."""
    phrase = HTTPStatus(status).phrase
    return _response(_ERRORS.get(status) or error_class(status, phrase)(phrase), request_id, True, PROBLEM_DETAILS)


def overloaded_response(given_id: str | None, seconds: float, closes: bool, shape: ErrorShape) -> bytes:
    """The response to a request that would wait too long; ``seconds`` is when to come again, rounded up.

    ``shape`` is that of the route's errors. ``given_id`` is the client's X-Request-ID, which comes back where it is
    sane. Clients that are refused together get one of two seconds to come again, so that they do not all come together.
    """
    request_id = given_id if given_id and _SANE_ID(given_id) else str(uuid.uuid4())
    wait = str(max(1, ceil(seconds)) + randrange(2))  # noqa: S311 - spreads a crowd, hides nothing
    return _response(Overloaded(OVERLOADED, {"Retry-After": wait}), request_id, closes, shape)


def _response(error: ServiceError, request_id: str, closes: bool, shape: ErrorShape) -> bytes:
    """The whole HTTP response of an error, head and body."""
    body = shape.body(error, request_id)
    headers = "".join(f"{name}: {value}\r\n" for name, value in error.headers.items())
    head = (
        f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}\r\n"
        f"Date: {util.http_date()}\r\n"
        f"Connection: {'close' if closes else 'keep-alive'}\r\n"
        f"Content-Type: {shape.media_type}\r\n"
        f"Content-Length: {len(body)}\r\n"
        f"{headers}X-Request-ID: {request_id}\r\n\r\n"
    )
    return head.encode("ascii") + body
