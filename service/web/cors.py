"""CORS_ORIGINS: which pages of other origins may call the service from a browser (Fetch standard, CORS protocol).

Not Flask-CORS: the answer here is one look-up in a set of exact origins, the same for every route. Patterns for origins
and paths, which the library adds, are not wanted, and three of its five advisories of 2024 are about them.
Credentials (cookies) are never allowed; a token travels in a header that the page sets itself.
"""

from flask import Response

from service.web.lean import current

ALLOWED = "Authorization, Content-Type, X-Client-Key, X-Request-ID, X-Server-Timing"
EXPOSED = (
    "X-Request-ID, X-Model-Version, X-Prediction-ID, Server-Timing, Retry-After, "
    "RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset"
)
MAX_AGE = "7200"
"""Seconds a browser may remember a preflight; Chromium takes no more."""


def allow(response: Response) -> Response:
    """Add the headers by which a browser lets a page read an answer, an error no less than a prediction."""
    app, request = current()
    origins = app.settings.cors_origins
    anyone = "*" in origins
    if not anyone:
        response.vary.add("Origin")  # or a cache gives one origin's answer to another
    origin = request.environ.get("HTTP_ORIGIN", "")
    if not origin or not (anyone or origin in origins):
        return response
    headers = response.headers
    headers["Access-Control-Allow-Origin"] = "*" if anyone else origin
    if request.method == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in request.environ:
        headers["Access-Control-Allow-Methods"] = headers.get("Allow", "GET, HEAD, POST, OPTIONS")
        headers["Access-Control-Allow-Headers"] = ALLOWED
        headers["Access-Control-Max-Age"] = MAX_AGE
    else:
        headers["Access-Control-Expose-Headers"] = EXPOSED
    return response
