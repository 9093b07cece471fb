"""Authentication: the client behind the token of a request, and whether it may do that. Bearer tokens as in RFC 6750.

A token is taken from the Authorization header only: a URL ends up in logs, and a cookie is sent by pages of others.
"""

from base64 import b64decode

from schemas.errors import Forbidden, Unauthorized
from service import metrics
from service.web.lean import current

_BEARER = 'Bearer realm="predictions"'
_BASIC = 'Basic realm="predictions, with a token as the password", charset="UTF-8"'


def authenticate() -> None:
    """Put the client's name into the request.

    Nobody needs a token for a route that is not there, for OPTIONS (a browser's preflight carries none), or where the
    operation has no scope.

    Raises:
        Unauthorized: no token, or an unknown one. Forbidden: one that may not do this.
    """
    app, request = current()
    operation = app.operation_of(request)
    if app.tokens is None or operation is None or operation.scope is None or request.method == "OPTIONS":
        return
    scope = operation.scope
    header = request.environ.get("HTTP_AUTHORIZATION", "")
    # A browser adds a password it knows to requests of any page: it must never open what changes something.
    token = _bearer(header) or (_password(header) if scope == "observe" else "")
    client = app.tokens.now.find(token) if token else None
    if client is None:
        metrics.refused("auth")
        bearer = _BEARER + (', error="invalid_token"' if token else "")
        # A line for each scheme. A browser answers Basic with a dialogue, so it is offered for pages only.
        challenges = [bearer, _BASIC] if operation.page else [bearer]
        detail = "The token is not known here." if token else "Send a token: Authorization: Bearer <token>."
        raise Unauthorized(detail, {"WWW-Authenticate": challenges})
    request.client = client.name
    if scope not in client.scopes:
        metrics.refused("auth")
        challenge = f'{_BEARER}, error="insufficient_scope", scope="{scope}"'
        raise Forbidden(f"This token lacks the scope {scope}.", {"WWW-Authenticate": challenge})


def _bearer(header: str) -> str:
    """The token of ``Bearer <token>``; empty where there is none."""
    return header[7:].strip() if header[:7].lower() == "bearer " else ""


def _password(header: str) -> str:
    """The password of ``Basic <base64 of user:password>``, for any user; empty where there is none."""
    if header[:6].lower() != "basic ":
        return ""
    try:
        return b64decode(header[6:].strip(), validate=True).decode("utf-8", "replace").partition(":")[2]
    except ValueError:
        return ""
