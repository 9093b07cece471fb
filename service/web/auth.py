"""Who is calling, by the token of the request, and whether it may do that. Bearer tokens as in RFC 6750.

A token is taken from the Authorization header only: in a URL or a cookie it would end up in logs, or be sent by
somebody else's page.
"""

from base64 import b64decode

from schemas.errors import Forbidden, Unauthorized
from service import metrics
from service.web.context import ServingApp, ServingRequest, current
from service.web.operation import operation_of

BROWSED = "/dashboard"
"""The page that a person opens. A browser sends no bearer token by itself; it asks for a password, and that may be
the token on any route that only reads."""
DOCUMENTS = "flasgger."
"""Endpoints of the documents; like the routes whose promise names no scope they are for everybody."""

_BEARER = 'Bearer realm="predictions"'
_BASIC = 'Basic realm="predictions, with a token as the password", charset="UTF-8"'


def authenticate() -> None:
    """Put the client's name into the request.

    Raises:
        Unauthorized: no token, or an unknown one. Forbidden: one that may not do this.
    """
    app, request = current()
    scope = scope_of(app, request)
    if app.tokens is None or scope is None:
        return
    header = request.environ.get("HTTP_AUTHORIZATION", "")
    token = _bearer(header) or (_password(header) if scope == "observe" else "")
    client = app.tokens.now.find(token) if token else None
    if client is None:
        metrics.refused("auth")
        raise Unauthorized(
            "The token is not known here." if token else "Send a token: Authorization: Bearer <token>.",
            {"WWW-Authenticate": _challenge(request, ', error="invalid_token"' if token else "")},
        )
    request.client = client.name
    if scope not in client.scopes:
        metrics.refused("auth")
        raise Forbidden(
            f"This token lacks the scope {scope}.",
            {"WWW-Authenticate": f'{_BEARER}, error="insufficient_scope", scope="{scope}"'},
        )


def scope_of(app: ServingApp, request: ServingRequest) -> str | None:
    """What the token must allow; None where nobody is asked for one.

    A request for no route is told so first, and a browser's preflight carries no token. A view that promises nothing
    is closed, unless it belongs to the documents.
    """
    rule = request.url_rule
    if rule is None or request.method == "OPTIONS":
        return None
    promise = operation_of(app.view_functions[rule.endpoint])
    if promise is None:
        return None if rule.endpoint.startswith(DOCUMENTS) else "observe"
    return promise.scope


def _challenge(request: ServingRequest, error: str) -> str:
    # Only where a person looks: a browser answers Basic with a dialogue, on whatever page the request came from.
    basic = f", {_BASIC}" if request.url_rule is not None and request.url_rule.rule == BROWSED else ""
    return _BEARER + error + basic


def _bearer(header: str) -> str:
    """The token of ``Bearer <token>``; empty where there is none."""
    return header[7:].strip() if header[:7].lower() == "bearer " else ""


def _password(header: str) -> str:
    """The password of ``Basic <base64 of user:password>``, whoever the user is; empty where there is none."""
    if header[:6].lower() != "basic ":
        return ""
    try:
        return b64decode(header[6:].strip(), validate=True).decode("utf-8", "replace").partition(":")[2]
    except ValueError:
        return ""
