"""WSGI between a parsed request and the bytes of its response: the environ, the response, the call of the application.

All of it is as gunicorn does it, except that what requests share is built once, and that a response is collected
instead of sent.
"""

import os
import time
from collections.abc import Callable
from datetime import datetime
from io import BytesIO
from typing import Any

from gunicorn import util
from gunicorn.config import PreRequest
from gunicorn.http import wsgi

from service.server.request import ParsedRequest
from service.server.rules import ConfigSnapshot

LENGTH = "Content-Length"
SPECIAL_HEADERS = util.hop_headers | {"content-length"}
MOST_COLLECTED = 4 * 1024 * 1024
"""Bytes of a streamed response that is collected before it is sent."""
_VALID_NAMES: set[str] = set()
_VALID_STATUSES: dict[str, int | None] = {}
_constant_fields = 0, ""


def base_environ(cfg: Any) -> dict[str, Any]:
    """What is the same in every environ of a worker."""
    return {**wsgi.base_environ(cfg), "wsgi.multithread": True, "SCRIPT_NAME": os.environ.get("SCRIPT_NAME", "")}


def make_environ(req: ParsedRequest, body: bytes, shared: dict[str, Any]) -> dict[str, Any]:
    """The WSGI environ of a request; ``shared`` is what its connection's requests have in common."""
    environ: dict[str, Any] = shared | req.environ_fields
    environ["wsgi.input"] = BytesIO(body)
    if "SERVER_NAME" not in shared:
        name, _, port = environ.get("HTTP_HOST", "").partition(":")
        environ["SERVER_NAME"], environ["SERVER_PORT"] = name, port or ("443" if req.scheme == "https" else "80")
    return environ


def _server_and_date() -> str:
    """The header lines that are the same in every response of a second."""
    global _constant_fields
    second = int(time.time())
    if second != _constant_fields[0]:
        _constant_fields = second, f"Server: {wsgi.SERVER}\r\nDate: {util.http_date(second)}\r\n"
    return _constant_fields[1]


class BufferedResponse(wsgi.Response):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's response, which collects what it would send.

    ``stream`` are the pieces of a response that is no list; they are not collected yet. ``environ`` is the request's,
    empty until it could be made.
    """

    def __init__(self, req: ParsedRequest, sock: Any, cfg: ConfigSnapshot) -> None:
        super().__init__(req, sock, cfg)
        self.status: str | None
        self.status_code: int | None
        self.headers_sent: bool = False
        self.started = datetime.now()
        self.environ: dict[str, Any] = {}
        self.stream: Any = None
        self._collected: list[bytes] = []

    def take(self) -> bytes:
        """Everything collected since the last time."""
        found = b"".join(self._collected)
        self._collected.clear()
        return found

    def start_response(self, status: str, headers: Any, exc_info: Any = None) -> Any:
        """As WSGI has it; a status that gunicorn found valid, of a response with a body, is not parsed again."""
        code = _VALID_STATUSES.get(status) if type(status) is str else None
        if code is None or exc_info or self.status is not None or self.req.method == "HEAD":
            write = super().start_response(status, headers, exc_info)
            if not self._omits_body and len(_VALID_STATUSES) < 256:
                _VALID_STATUSES[status] = self.status_code
            return write
        self.status, self.status_code = status, code
        self.process_headers(headers)
        self.chunked: bool = self.is_chunked()
        return self.write

    def process_headers(self, headers: Any) -> None:
        """Take the application's headers; names that gunicorn found valid are not checked again."""
        names, values = zip(*headers, strict=True) if headers else ((), ())
        all_values = "".join(values)
        if not (_VALID_NAMES.issuperset(names) and all_values.isascii() and all_values.isprintable()):
            super().process_headers(headers)
            if len(_VALID_NAMES) < 256:
                _VALID_NAMES.update(name for name in names if name == LENGTH or name.lower() not in SPECIAL_HEADERS)
            return
        self.headers += zip(names, map(str.strip, values), strict=True)
        if LENGTH in names:
            self.response_length: int | None = int(dict(headers)[LENGTH])

    def send_headers(self) -> None:
        """Collect the head, once."""
        if self.headers_sent:
            return
        connection = "upgrade" if self.upgrade else "close" if self.should_close() else "keep-alive"
        coding = "Transfer-Encoding: chunked\r\n" if self.chunked else ""
        fields = "\r\n".join(map(": ".join, [*self.headers, ("Connection", connection)]))
        major, minor = self.req.version
        head = f"HTTP/{major}.{minor} {self.status}\r\n{_server_and_date()}{coding}{fields}\r\n\r\n"
        self._collected.append(head.encode("latin-1"))
        self.headers_sent = True

    def write_all(self, items: list[bytes]) -> None:
        """Collect a complete response; most are a single item, as long as Content-Length says."""
        length = self.response_length
        if len(items) == 1 and type(items[0]) is bytes and len(items[0]) == length and not self._omits_body:
            self.send_headers()
            self.sent = length
            self._collected.append(items[0])
            return
        for item in items:
            self.write(item)
        self.close()

    def _emit_body(self, data: bytes) -> None:
        self._collected.append(b"%X\r\n%b\r\n" % (len(data), data) if self.chunked else data)

    def can_sendfile(self) -> bool:
        """A file is read and collected like everything else."""
        return False

    def close(self) -> None:
        """Collect the end."""
        self.send_headers()
        if self.chunked:
            self._collected.append(b"0\r\n\r\n")


class RequestHandler:
    """Calls a worker's application for one request, with gunicorn's hooks and access log around it."""

    def __init__(self, worker: Any, cfg: ConfigSnapshot) -> None:
        self._worker, self._cfg, self._log = worker, cfg, worker.log
        # gunicorn's default hook writes a line at level debug, and does nothing else
        has_hook = cfg.pre_request is not PreRequest.pre_request or cfg.loglevel == "debug"
        self._pre_request = cfg.pre_request if has_hook else None

    def respond(self, req: ParsedRequest, body: bytes, sock: Any, shared_environ: dict[str, Any]) -> BufferedResponse:
        """The response of the application, collected; or with its ``stream`` still to be run by ``finish_stream``.

        Raises:
            Exception: whatever the application or a hook raises; nothing has been sent then.
        """
        resp = BufferedResponse(req, sock, self._cfg)
        try:
            if self._pre_request is not None:
                self._pre_request(self._worker, req)
            resp.environ = make_environ(req, body, shared_environ)
            if self._count_request():
                resp.force_close()
            items = self._worker.wsgi(resp.environ, resp.start_response)
            if type(items) is list:
                resp.write_all(items)
            else:
                resp.stream = items
        finally:
            if resp.stream is None:
                self.run_post_request(resp)
        return resp

    def _count_request(self) -> bool:
        """Count a request; whether its connection must close after the response."""
        worker = self._worker
        worker.nr += 1
        if worker.nr >= worker.max_requests and worker.alive:
            self._log.info("Autorestarting worker after current request.")
            worker.alive = False
        return not worker.alive or not self._cfg.keepalive or worker.nr_conns >= worker.max_keepalived

    def finish_stream(self, resp: BufferedResponse, timeout: float, hand_back: Callable[[bytes, bool], None]) -> None:
        """Run a stream to its end, in a thread. ``hand_back`` gets what is to be sent yet, and whether to stay open.

        A response whose length is known and moderate is collected, and the loop sends it: no thread waits for its
        client. Another one is sent piece by piece, and blocks for at most ``timeout`` seconds a piece.
        """
        sock, stream = resp.sock, resp.stream
        handed_back = False
        try:
            for item in stream:
                resp.write(item)
                if resp.response_length is None or resp.response_length > MOST_COLLECTED:
                    sock.settimeout(timeout)
                    sock.sendall(resp.take())
            resp.close()
            handed_back = True
            hand_back(resp.take(), not resp.should_close())
        except OSError as exc:
            self._log.debug("The client left: %s", exc)
        except Exception:
            self._log.exception("The application failed while its response was sent.")
        finally:
            if not handed_back:
                hand_back(b"", False)
            self.end_stream(resp)

    def end_stream(self, resp: BufferedResponse) -> None:
        """Close a stream, which may have work to do, and count its request."""
        try:
            if hasattr(resp.stream, "close"):
                resp.stream.close()
        except Exception:
            self._log.exception("The application failed after its response was sent.")
        self.run_post_request(resp)

    def run_post_request(self, resp: BufferedResponse) -> None:
        """Write the access log and run gunicorn's hook, after each response."""
        if self._log.access_log_enabled:
            self._log.access(resp, resp.req, resp.environ, datetime.now() - resp.started)
        try:
            self._cfg.post_request(self._worker, resp.req, resp.environ, resp)
        except Exception:
            self._log.exception("Exception in post_request hook")
