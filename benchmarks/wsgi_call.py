"""One request to a WSGI application in this process."""

import io
import sys
from collections.abc import Callable
from typing import Any


def call(app: Callable[..., Any], body: bytes, path: str = "/predict") -> bytes:
    """POST ``body`` and return the answer's.

    Raises:
        RuntimeError: the application refused it.
    """
    told: list[str] = []
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SCRIPT_NAME": "",
        "HTTP_HOST": "localhost",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
    }
    answer = b"".join(app(environ, lambda status, headers, exc_info=None: told.append(status)))
    if not told[0].startswith("200"):
        raise RuntimeError(f"{path} answered {told[0]}: {answer.decode()[:200]}")
    return answer
