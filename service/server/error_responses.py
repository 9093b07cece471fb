"""gunicorn's own refusals (the application never sees the request) in the shape of every other error, RFC 9457."""

import uuid
from http import HTTPStatus
from socket import socket

import orjson
from gunicorn import util

from service import log

_DETAILS = {
    400: "The request is not valid HTTP: its request line, a header or its chunked framing is malformed.",
    403: "This address may not connect in this way.",
    408: "The request did not arrive in time.",
    414: "The request line is longer than the server takes.",
    417: "The server meets no expectation but 100-continue.",
    431: "The headers are more or longer than the server takes.",
    500: "The server failed before the application could answer.",
    501: "The transfer coding of the body is not supported; send it chunked or with a Content-Length.",
}


def install_error_responses() -> None:
    """Make every gunicorn worker of this process, and of those it forks, refuse in problem+json; called once."""
    util.write_error = write_error


def write_error(sock: socket, status_int: int, reason: str, mesg: str) -> None:
    """Answer a request that gunicorn refuses. ``mesg`` echoes the input: it stays in the log."""
    request_id = str(uuid.uuid4())
    log.info("refused", request_id=request_id, status=status_int, reason=mesg)
    util.write_nonblock(sock, problem(status_int, request_id))


def problem(status: int, request_id: str) -> bytes:
    """The whole HTTP answer, head and body; the connection closes after it."""
    phrase = HTTPStatus(status).phrase
    body = orjson.dumps(
        {
            "type": "about:blank",
            "title": phrase,
            "status": status,
            "detail": _DETAILS.get(status, phrase),
            "request_id": request_id,
        }
    )
    head = (
        f"HTTP/1.1 {status} {phrase}\r\n"
        f"Date: {util.http_date()}\r\n"
        "Connection: close\r\n"
        "Content-Type: application/problem+json\r\n"
        f"Content-Length: {len(body)}\r\n"
        f"X-Request-ID: {request_id}\r\n\r\n"
    )
    return head.encode("ascii") + body
