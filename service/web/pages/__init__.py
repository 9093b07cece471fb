"""Pages for people: one frame, one navigation and one look, from this host alone.

``files.py`` serves the scripts and styles of all pages. A view makes its page with ``render``.
"""

from collections.abc import Mapping
from typing import Any

from flask import Response, render_template, url_for

from service import NAME
from service.web.lean import current

HTML = "text/html"
NAVIGATION = {
    "home.index": "Home",
    "flasgger.apidocs": "Try it out",
    "flasgger.redoc": "Reference",
    "dashboard.overview": "Dashboard",
    "model_pages.drift": "Drift",
    "model_pages.performance": "Performance",
    "model_pages.card": "Model card",
}
"""The pages in the order of the navigation: endpoint and label."""

INLINE_STYLES = {"style-src": "'self' 'unsafe-inline'"}
"""Loosens the policy for a page that styles itself."""

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


def render(template: str, loosened: Mapping[str, str] | None = None, **values: Any) -> Response:
    """A page made from a template, which extends ``frame.html``."""
    return confine(Response(render_template(template, title=NAME, **values), mimetype=HTML), loosened)


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


def navigation() -> list[tuple[str, str, bool]]:
    """Label and address of each page, and whether it is the one that is shown."""
    here = current()[1].endpoint
    return [(label, url_for(endpoint), endpoint == here) for endpoint, label in NAVIGATION.items()]
