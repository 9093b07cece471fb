"""CORS_ORIGINS: which pages of other origins may call the service from a browser (Fetch standard, CORS protocol).

Own lines instead of Flask-CORS: the answer here is one look-up in a set of exact origins, the same for every route.
What the library adds, patterns for origins and paths, is not wanted, and is where its five advisories of 2024 lie.
Credentials (cookies) are never allowed; a token travels in a header that the page sets itself.
"""

from flask import Request, Response

ALLOWED_HEADERS = "Authorization, Content-Type, X-Request-ID"
EXPOSED_HEADERS = (
    "X-Request-ID, X-Model-Version, Retry-After, Server-Timing, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset"
)
MAX_AGE = "7200"
"""Seconds a browser may remember a preflight; Chromium caps it at this."""


class CrossOrigin:
    """Adds the headers by which a browser lets a page read an answer."""

    def __init__(self, origins: frozenset[str]) -> None:
        self._origins = origins

    def __call__(self, request: Request, response: Response) -> Response:
        """The same response, with its headers: errors too, so that a page can read what was wrong."""
        anyone = "*" in self._origins
        if not anyone:
            response.vary.add("Origin")  # caches must not give one origin's answer to another
        origin = request.environ.get("HTTP_ORIGIN", "")
        if not origin or not (anyone or origin in self._origins):
            return response
        headers = response.headers
        headers["Access-Control-Allow-Origin"] = "*" if anyone else origin
        if request.method == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in request.environ:
            headers["Access-Control-Allow-Methods"] = headers.get("Allow", "GET, HEAD, POST, OPTIONS")
            headers["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
            headers["Access-Control-Max-Age"] = MAX_AGE
        else:
            headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
        return response
