"""The request and response classes: Flask's, putting off what one JSON exchange does not need."""

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import flask
from werkzeug.datastructures import EnvironHeaders, Headers
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.wsgi import _get_server  # the one private name: what Request itself calls

from schemas.errors import ServiceError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

OK = "200 OK"
JSON = "application/json"


class Request(flask.Request):
    """A request read from its environ on demand."""

    def __init__(self, environ: "WSGIEnvironment", populate_request: bool = True, shallow: bool = False) -> None:
        self.environ = environ
        self.shallow = shallow
        self.method = environ.get("REQUEST_METHOD", "GET").upper()
        path = environ.get("PATH_INFO") or ""
        if not path.isascii():
            path = path.encode("latin1").decode(errors="replace")  # WSGI's bytes-in-latin-1
        self.path = "/" + path.lstrip("/")
        self.remote_addr = environ.get("REMOTE_ADDR")
        if populate_request and not shallow:
            environ["werkzeug.request"] = self

    @cached_property
    def scheme(self) -> str:  # type: ignore[override]  # an attribute in Werkzeug, set at once
        """``http`` or ``https``."""
        scheme: str = self.environ.get("wsgi.url_scheme", "http")
        return scheme

    @cached_property
    def server(self) -> tuple[str, int | None] | None:  # type: ignore[override]  # as scheme
        """Host and port that were connected to."""
        return _get_server(self.environ)

    @cached_property
    def root_path(self) -> str:  # type: ignore[override]  # as scheme
        """Where the application is mounted."""
        name: str = self.environ.get("SCRIPT_NAME") or ""
        return name.encode("latin1").decode(errors="replace").rstrip("/")

    @cached_property
    def query_string(self) -> bytes:  # type: ignore[override]  # as scheme
        """What follows the question mark, undecoded."""
        query: str = self.environ.get("QUERY_STRING", "")
        return query.encode("latin1")

    @cached_property
    def headers(self) -> Headers:  # type: ignore[override]  # as scheme
        """A view of the environ; a name that is looked up once is had for less by ``environ["HTTP_..."]``."""
        return EnvironHeaders(self.environ)

    def body(self, most: int) -> bytes:
        """The whole body, read once and kept for ``get_data``.

        Raises:
            ClientDisconnected: it ended before its announced length, or its chunks are malformed.
            RequestEntityTooLarge: it has more than ``most`` bytes, whether it said so or not.
        """
        length = self.environ.get("CONTENT_LENGTH", "")
        if not length.isdecimal() or "HTTP_TRANSFER_ENCODING" in self.environ:
            # Chunked. Werkzeug would cut it at the limit without a word, so one byte more is asked for.
            ends = "wsgi.input_terminated" in self.environ
            data = self._read(most + 1) if ends else b""
        elif len(length) > 18 or int(length) > most:
            raise RequestEntityTooLarge
        else:
            data = self._read(int(length))
            if len(data) < int(length):
                raise ClientDisconnected
        if len(data) > most:
            raise RequestEntityTooLarge
        self._cached_data = data
        return data

    def _read(self, most: int) -> bytes:
        try:
            data: bytes = self.environ["wsgi.input"].read(most)
        except ServiceError:  # the inline worker's own
            raise
        except Exception as exc:  # each server has its own for chunks that are none and clients that are gone
            raise ClientDisconnected from exc
        return data

    def close(self) -> None:
        """Close uploaded files, if a form was ever parsed."""
        if "files" in self.__dict__:
            super().close()


class Response(flask.Response):
    """Flask's response; one made by ``ready`` goes out without being copied or measured again."""

    default_mimetype = JSON
    _whole = False

    @classmethod
    def ready(cls, body: bytes, headers: Iterable[tuple[str, str]] = (), content_type: str = JSON) -> "Response":
        """A 200 answer of known bytes. ``headers`` must be valid and name neither Content-Type nor Content-Length."""
        response = cls.__new__(cls)
        response.headers = Headers()
        response.headers._list = [("Content-Type", content_type), ("Content-Length", str(len(body))), *headers]
        response._status, response._status_code = OK, 200
        response.response = [body]
        response.direct_passthrough = False
        response._on_close = []
        response._whole = True
        return response

    def stamp(self, name: str, value: str) -> None:
        """Add a header that is not there yet; ``value`` is known to hold no line break."""
        self.headers._list.append((name, value))

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Any:
        """Answer as a WSGI application."""
        if not self._whole or self._status_code != 200 or self._on_close or environ["REQUEST_METHOD"] == "HEAD":
            return super().__call__(environ, start_response)
        start_response(self._status, self.headers.to_wsgi_list())
        return self.response
