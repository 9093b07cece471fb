"""Who is calling: the token of the request, looked up; and whether it may do that. Bearer tokens as in RFC 6750."""

from base64 import b64decode
from binascii import Error as NotBase64

from flask import Request

from service.errors import Forbidden, Unauthorized
from service.guards.token_file import TokenFile

REALM = 'Bearer realm="predictions"'
PUBLIC = frozenset({"/", "/health", "/health/live", "/health/ready", "/apidocs", "/docs", "/redoc", "/apispec.json"})
PUBLIC_FOLDERS = ("/apidocs/", "/flasgger_static/", "/static/", "/docs/", "/redoc/")
BROWSED = frozenset({"/dashboard"})
"""Pages a person opens: a browser cannot send a bearer token there, but asks for a password, which is the token."""


def required_scope(rule: str, method: str) -> str | None:
    """What a client needs for a route: predict to ask or to tell, observe to read, None where everybody may.

    A route that nobody thought of here needs a token. A preflight carries none, by the standard.
    """
    if method == "OPTIONS" or rule in PUBLIC or rule.startswith(PUBLIC_FOLDERS):
        return None
    return "predict" if method == "POST" else "observe"


class Authenticator:
    """Knows the clients by their tokens; without a file everybody may do everything."""

    def __init__(self, file: TokenFile | None) -> None:
        self._file = file

    def __call__(self, request: Request) -> str:
        """The client's name; its address where no token is asked for.

        Raises:
            Unauthorized: no token, or an unknown one. Forbidden: one that may not do this.
        """
        rule = request.url_rule.rule if request.url_rule is not None else request.path
        if self._file is None or (scope := required_scope(rule, request.method)) is None:
            return request.remote_addr or "unknown"
        header = request.environ.get("HTTP_AUTHORIZATION", "")
        token = _bearer(header) or (_password(header) if scope == "observe" else "")
        # Two challenges only where a person may be asked: a browser answers Basic with a dialogue of its own.
        challenge = f'{REALM}, Basic realm="predictions"' if rule in BROWSED else REALM
        if not token:
            raise Unauthorized(
                "This needs a token: send the header Authorization: Bearer <token>.", {"WWW-Authenticate": challenge}
            )
        client = self._file.tokens.find(token)
        if client is None:
            raise Unauthorized(
                "The token is not known here.",
                {"WWW-Authenticate": challenge.replace(REALM, f'{REALM}, error="invalid_token"')},
            )
        if scope not in client.scopes:
            raise Forbidden(
                f"This token may not do that: it lacks the scope {scope}.",
                {"WWW-Authenticate": f'{REALM}, error="insufficient_scope", scope="{scope}"'},
            )
        return client.name


def _bearer(header: str) -> str:
    """The token of ``Bearer <token>``; empty where there is none."""
    return header[7:].strip() if header[:7].lower() == "bearer " else ""


def _password(header: str) -> str:
    """The password of ``Basic <base64 of user:password>``, whoever the user is; empty where there is none."""
    if header[:6].lower() != "basic ":
        return ""
    try:
        return b64decode(header[6:].strip(), validate=True).decode("utf-8", "replace").partition(":")[2]
    except (NotBase64, ValueError):
        return ""
