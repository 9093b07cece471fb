"""Requests to a WSGI application in this process.

Run as a script it times /predict of the service that PYTHONPATH names: bodies on standard input, one a line; the
microseconds of CPU time that a call takes go to standard output.
"""

import io
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CALLS, TRIES = 1000, 5


def call(app: Callable[..., Any], body: bytes, path: str = "/predict") -> bytes:
    """POST ``body`` and return the body of the answer.

    Raises:
        RuntimeError: the application refused it.
    """
    statuses: list[str] = []
    environ = make_environ(body, path)
    answer = b"".join(app(environ, lambda status, headers, exc_info=None: statuses.append(status)))
    if not statuses[0].startswith("200"):
        raise RuntimeError(f"{path} answered {statuses[0]}: {answer.decode()[:200]}")
    return answer


def make_environ(body: bytes, path: str) -> dict[str, Any]:
    """The WSGI environment of a POST of JSON."""
    return {
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


def microseconds(app: Callable[..., Any], bodies: list[bytes]) -> float:
    """CPU time of one call in this thread: the median of TRIES loops over ``bodies``."""
    taken = []
    for _ in range(TRIES + 1):  # the first loop loads the model and warms up
        began = time.thread_time()
        for number in range(CALLS):
            call(app, bodies[number % len(bodies)])
        taken.append((time.thread_time() - began) / CALLS * 1e6)
    return sorted(taken[1:])[TRIES // 2]


def main() -> None:
    """Time the service's /predict."""
    from service.app import create_app
    from service.settings import Settings

    bodies = sys.stdin.buffer.read().splitlines()
    stdout, log = os.dup(1), os.open(Path(os.environ["VAR_DIR"]) / "log", os.O_WRONLY | os.O_CREAT)
    os.dup2(log, 1)  # the log goes to a file, as in service
    taken = microseconds(create_app(Settings.read(os.environ)), bodies)
    os.write(stdout, f"{taken}\n".encode())


if __name__ == "__main__":
    main()
