"""The application, its requests and its responses as hooks and views use them, in public names of Flask alone.

These classes serve under any Flask. ``lean`` has faster subclasses for the versions that it was read against, and makes
the application of either kind.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from io import BytesIO
from typing import Any, cast

import flask
from flask import Flask
from flask.sessions import NullSession, SessionInterface
from werkzeug.exceptions import ClientDisconnected, HTTPException, RequestEntityTooLarge
from werkzeug.http import parse_options_header

from schemas.error_shapes import ErrorShape
from schemas.errors import BodyTooLarge, MalformedBody, ServiceError, UnsupportedMediaType
from schemas.problems import PROBLEM_DETAILS
from service import metrics
from service.access.counters import RateLimitStatus
from service.access.rate_limit import Limiter
from service.access.token_file import TokenFile
from service.models.serving import Models
from service.records.recorder import Recorder
from service.settings import Settings
from service.web.json_provider import OrjsonProvider
from service.web.operation import Operation, operation_of

JSON = "application/json"


class ServingRequest(flask.Request):
    """A request, and what the hooks have found out about it.

    ``client_key`` is its X-Client-Key, as it came. ``started`` is of ``time.perf_counter``, in seconds. ``client`` is
    the name of the token's owner, or the address. ``rate_limit_status`` is set on limited routes. ``events`` are log
    lines that are written together with the request's own. ``phases`` are seconds by name; None unless the client asks
    for Server-Timing.
    """

    request_id: str = ""
    client_key: str = ""
    started: float = 0.0
    client: str = ""
    rate_limit_status: RateLimitStatus | None = None
    phases: dict[str, float] | None = None
    events: tuple[tuple[str, dict[str, Any]], ...] = ()

    def json_body(self, most: int) -> bytes:
        """The whole body, JSON by its headers; see ``typed_body``."""
        return self.typed_body(most, is_json, "Send JSON in UTF-8, with Content-Type: application/json.")

    def typed_body(self, most: int, is_taken: Callable[[str], bool], advice: str) -> bytes:
        """The whole body, at most ``most`` bytes, of a Content-Type that is taken; ``advice`` is for the others.

        Raises:
            BodyTooLarge, UnsupportedMediaType, MalformedBody
        """
        environ = self.environ
        try:
            body = self.body(most)
        except RequestEntityTooLarge:
            metrics.refused("size")
            raise BodyTooLarge(f"The body is larger than {most} bytes; send fewer rows.") from None
        except ClientDisconnected:
            raise MalformedBody("The body ended before its announced length, or its chunks are malformed.") from None
        if not body and "HTTP_TRANSFER_ENCODING" in environ and "wsgi.input_terminated" not in environ:
            raise MalformedBody("This server reads no chunked bodies; send a Content-Length.")
        if not is_taken(environ.get("CONTENT_TYPE", "")):
            raise UnsupportedMediaType(advice)
        if environ.get("HTTP_CONTENT_ENCODING", "identity").lower() not in ("identity", ""):
            raise UnsupportedMediaType("Send the body as it is, without Content-Encoding.")
        return body

    def body(self, most: int) -> bytes:
        """The whole body, read once and kept for ``get_data``.

        Raises:
            ClientDisconnected: it ended before its announced length, or its chunks are malformed.
            RequestEntityTooLarge: it has more than ``most`` bytes, announced or not.
        """
        length = self.environ.get("CONTENT_LENGTH", "")
        if not length.isdecimal() or "HTTP_TRANSFER_ENCODING" in self.environ:
            # Chunked. Werkzeug would cut it at the limit without an error, so one byte more is read.
            data = self._read(most + 1) if "wsgi.input_terminated" in self.environ else b""
        elif len(length) > 18 or int(length) > most:
            raise RequestEntityTooLarge
        else:
            data = self._read(int(length))
            if len(data) < int(length):
                raise ClientDisconnected
        if len(data) > most:
            raise RequestEntityTooLarge
        self.keep_body(data)
        return data

    def keep_body(self, data: bytes) -> None:
        """Let ``get_data`` find what was read already."""
        self.environ |= {"wsgi.input": BytesIO(data), "CONTENT_LENGTH": str(len(data))}

    def _read(self, most: int) -> bytes:
        try:
            data: bytes = self.environ["wsgi.input"].read(most)
        except ServiceError:  # the inline worker's own
            raise
        except Exception as exc:  # each server has its own for malformed chunks and for clients that are gone
            raise ClientDisconnected from exc
        return data


@lru_cache(maxsize=256)
def is_json(content_type: str) -> bool:
    """Whether it is JSON in UTF-8; many clients spell that ``utf8`` (WHATWG Encoding)."""
    media_type, parameters = parse_options_header(content_type)
    media_type = media_type.lower()
    if media_type != JSON and not (media_type.startswith("application/") and media_type.endswith("+json")):
        return False
    return parameters.get("charset", "utf-8").lower() in ("utf-8", "utf8")


class ServingResponse(flask.Response):
    """A response that can be made of known bytes."""

    default_mimetype = JSON

    @classmethod
    def ready(cls, body: bytes, headers: Iterable[tuple[str, str]] = (), content_type: str = JSON) -> "ServingResponse":
        """A 200 answer of known bytes. ``headers`` must be valid and name neither Content-Type nor Content-Length."""
        response = cls(body, content_type=content_type)
        response.headers.extend(headers)
        return response

    def stamp(self, name: str, value: str) -> None:
        """Add a header that is not there yet; ``value`` must hold no line break."""
        self.headers[name] = value


class NoSession(SessionInterface):
    """Reads and sets no cookie; ``flask.session`` is empty and refuses changes."""

    session = NullSession()

    def open_session(self, app: Flask, request: Any) -> NullSession:
        """The one empty session, shared by all requests."""
        return self.session

    def is_null_session(self, obj: object) -> bool:
        """Nothing is ever saved."""
        return True


class ServingApp(Flask):
    """The application: its hooks and views read these attributes. ``operations`` holds each endpoint's operation.

    ``shapes`` are the shapes of errors of other protocols than our own, by the first part of their routes' paths.
    """

    request_class: type[ServingRequest] = ServingRequest
    response_class: type[ServingResponse] = ServingResponse
    json_provider_class = OrjsonProvider
    session_interface = NoSession()
    settings: Settings
    models: Models
    records: Recorder
    tokens: TokenFile | None = None
    limiter: Limiter | None = None
    swag: Any = None

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.operations: dict[str, Operation] = {}
        self.shapes: dict[str, ErrorShape] = {}
        super().__init__(*arguments, **named)
        self._routes: dict[tuple[str, str], tuple[str, Operation] | None] = {}

    def route_for(self, method: str, path: str) -> tuple[str, Operation] | None:
        """The rule and the operation of a request, before it is run; None for a request without one.

        ``path`` is PATH_INFO as WSGI has it. The worker asks this of every request, so short paths are remembered.
        """
        key = method, path
        if key in self._routes:
            return self._routes[key]
        found = self._match(method, path)
        if len(path) <= 256:
            if len(self._routes) >= 1024:
                self._routes.clear()
            self._routes[key] = found
        return found

    def _match(self, method: str, path: str) -> tuple[str, Operation] | None:
        text = "/" + path.encode("latin1").decode(errors="replace").lstrip("/")
        try:
            rule, _ = self.url_map.bind("").match(text, method, return_rule=True)
        except HTTPException:
            return None
        declared = self.operations.get(rule.endpoint)
        return None if declared is None or method == "OPTIONS" else (rule.rule, declared)

    def add_url_rule(
        self, rule: str, endpoint: str | None = None, view_func: Callable[..., Any] | None = None, *args: Any, **kw: Any
    ) -> None:
        """Register a view with its operation.

        Raises:
            TypeError: the view has none; the guards would not know who may call it.
        """
        if view_func is not None:
            declared = operation_of(view_func)
            if declared is None:
                raise TypeError(f"The view of {rule} has no operation: put @operation(Operation(...)) above it.")
            self.operations[endpoint or view_func.__name__] = declared
            if declared.errors is not PROBLEM_DETAILS:
                self.shapes[_first_part(rule)] = declared.errors
        super().add_url_rule(rule, endpoint, view_func, *args, **kw)

    def operation_of(self, request: flask.Request) -> Operation | None:
        """The operation that a request is for; None where no route matched."""
        rule = request.url_rule
        return None if rule is None else self.operations[rule.endpoint]

    def error_shape(self, request: flask.Request) -> ErrorShape:
        """How to tell the client of an error; where no route matched, as the routes beside it do."""
        declared = self.operation_of(request)
        if declared is not None:
            return declared.errors
        return self.shapes.get(_first_part(request.path), PROBLEM_DETAILS)

    def make_default_options_response(self) -> flask.Response:
        """The methods in ``Allow``, and no type: there is no body."""
        response = super().make_default_options_response()
        del response.headers["Content-Type"]
        return response


def _first_part(path: str) -> str:
    return path.split("/", 2)[1] if path.startswith("/") else ""


def current() -> tuple[ServingApp, ServingRequest]:
    """The application and the request of this thread, by Flask's public proxies; ``lean`` has a faster one."""
    app: Any = flask.current_app
    request: Any = flask.request
    return cast(ServingApp, app._get_current_object()), cast(ServingRequest, request._get_current_object())
