"""A WSGI app that does nothing: no Python service under the same server can be faster."""

from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.ceilings import ANSWER

HEADERS = [("Content-Type", "application/json"), ("Content-Length", str(len(ANSWER)))]


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Read the body, answer the constant."""
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("200 OK", HEADERS)
    return [ANSWER]
