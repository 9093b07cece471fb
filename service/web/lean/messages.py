"""The request and response classes: Flask's, putting off what one JSON exchange does not need."""

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from werkzeug.datastructures import EnvironHeaders, Headers
from werkzeug.wsgi import _get_server  # what Werkzeug's own Request calls

from service.web.context import JSON, ServingRequest, ServingResponse

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

OK = "200 OK"


class LeanRequest(ServingRequest):
    """A request read from its environ on demand."""

    def __init__(self, environ: "WSGIEnvironment", populate_request: bool = True, shallow: bool = False) -> None:
        self.environ = environ
        self.shallow = shallow
        self.method = environ.get("REQUEST_METHOD", "GET").upper()
        path = environ.get("PATH_INFO") or ""
        if not path.isascii():
            path = path.encode("latin1").decode(errors="replace")  # WSGI has bytes as latin-1 text
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
        """The host and port of the server."""
        return _get_server(self.environ)

    @cached_property
    def root_path(self) -> str:  # type: ignore[override]  # as scheme
        """The prefix under which the application is mounted."""
        name: str = self.environ.get("SCRIPT_NAME") or ""
        return name.encode("latin1").decode(errors="replace").rstrip("/")

    @cached_property
    def query_string(self) -> bytes:  # type: ignore[override]  # as scheme
        """The query, undecoded, without the question mark."""
        query: str = self.environ.get("QUERY_STRING", "")
        return query.encode("latin1")

    @cached_property
    def headers(self) -> Headers:  # type: ignore[override]  # as scheme
        """A view of the environ; reading one header once is cheaper by ``environ["HTTP_..."]``."""
        return EnvironHeaders(self.environ)

    def keep_body(self, data: bytes) -> None:
        """Let ``get_data`` find what was read already."""
        self._cached_data = data

    def close(self) -> None:
        """Close uploaded files, if a form was ever parsed."""
        if "files" in self.__dict__:
            super().close()


class LeanResponse(ServingResponse):
    """A response whose known bytes are sent without being copied or measured again."""

    _whole = False

    @classmethod
    def ready(cls, body: bytes, headers: Iterable[tuple[str, str]] = (), content_type: str = JSON) -> "LeanResponse":
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
        """Add a header that is not there yet; ``value`` must hold no line break."""
        self.headers._list.append((name, value))

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Any:
        """Answer as a WSGI application."""
        if not self._whole or self._status_code != 200 or self._on_close or environ["REQUEST_METHOD"] == "HEAD":
            return super().__call__(environ, start_response)
        start_response(self._status, self.headers.to_wsgi_list())
        return self.response
