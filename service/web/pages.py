"""Pages for people: their files come from this host, and their headers let them talk to no other."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path

from flask import Response

HTML = "text/html"
DAY = 86_400
"""Seconds a browser may keep a page's file, whose address changes with its version."""
_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}


def confine(response: Response, loosened: Mapping[str, str] | None = None) -> Response:
    """Let a page load from this host and talk to this host, nothing else; browsers revalidate it each time.

    ``loosened`` are directives of the Content-Security-Policy that a page needs in place of ours.
    """
    policy = {**_POLICY, **(loosened or {})}
    response.headers["Content-Security-Policy"] = "; ".join(f"{name} {source}" for name, source in policy.items())
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers.setdefault("Cache-Control", "no-cache")
    return response


def folder_of(package: str) -> Path:
    """The folder of an installed package, which is not imported for it."""
    found = importlib.util.find_spec(package)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent
