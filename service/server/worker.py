"""A gunicorn worker that answers in the thread that polls: synchronous, with keep-alive, never waiting for a client.

The poller reads without blocking; a request is parsed and handled at once when all of it is there, and its answer goes
out in one send. What the kernel does not take follows when the client reads on. Whatever is unusual (a long or chunked
body, Expect, Upgrade, an answer that is a stream) is left to the threads of gunicorn's own gthread worker.
"""

import time
from datetime import datetime
from typing import Any

from gunicorn import util
from gunicorn.config import PreRequest
from gunicorn.http.body import LengthReader
from gunicorn.workers.gthread import ThreadWorker

from schemas.errors import RequestTimeout
from service.server.connection import Connection
from service.server.environ import environ_of
from service.server.heads import Heads
from service.server.options import unfit
from service.server.poller import PollingWorker
from service.server.response import BufferedResponse

LONGEST_HEAD, LONGEST = 16 * 1024, 256 * 1024
"""Bytes of a head, and of a whole request, that the poller waits for; more is read by a thread."""


class InlineWorker(PollingWorker):
    """See the module. Where it does not fit it is a plain gthread worker, and says so."""

    request_slots = 1
    """Requests that are handled at once; see slots_of in start.py."""

    def __new__(cls, age: int, ppid: int, sockets: Any, app: Any, timeout: float, cfg: Any, log: Any) -> Any:
        """A worker of this class, or of gunicorn's own."""
        reasons = unfit(cfg)
        if not reasons:
            return super().__new__(cls)
        log.warning("The inline worker does not serve %s; this worker is a gthread one.", ", ".join(reasons))
        return ThreadWorker(age, ppid, sockets, app, timeout, cfg, log)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.heads = Heads(self.plain)
        noted = self.plain.pre_request is not PreRequest.pre_request or self.plain.loglevel == "debug"
        self.pre_request = self.plain.pre_request if noted else None  # gunicorn's own writes a line at level debug

    def is_parent_alive(self) -> bool:
        """Whether the master lives; where not, leave at once, and leave the address to whoever is started next.

        gunicorn's own breaks out of its loop and forgets to say so: a busy connection would be served on and the
        address held until graceful_timeout, while a restarted master gives up on it after five seconds.
        """
        if super().is_parent_alive():
            return True
        self.alive: bool = False
        self.set_accept_enabled(False)
        for listener in self.sockets:
            listener.close()
        return False

    def step(self, conn: Connection) -> bool:
        """Handle the next request; False while some of it is missing, or when a thread does it."""
        try:
            if conn.req is None and not self.begin(conn):
                return False
            if len(conn.read) < conn.whole:
                return False
            req, body = conn.req, bytes(memoryview(conn.read)[conn.head : conn.whole])
            conn.req = None
            del conn.read[: conn.whole]
            self.make_way(req.path, len(body))
            began = time.monotonic()
            self.answer(conn, req, body)
            self.note(req.path, time.monotonic() - began)
        except Exception as exc:
            self.refuse(conn, exc)
        return True

    def begin(self, conn: Connection) -> bool:
        """Parse a head, once it is there; False when it is not, or when a thread does it."""
        conn.head = conn.read.find(b"\r\n\r\n") + 4
        if conn.head < 4:
            if len(conn.read) > LONGEST_HEAD or b"\n" in conn.read.replace(b"\r\n", b""):
                self.to_stock(conn)  # which refuses it
            return False
        conn.requests += 1
        req = self.heads.parse(bytes(conn.read[: conn.head]), conn.client, conn.requests)
        reader = req.body.reader
        conn.whole = conn.head + reader.length if type(reader) is LengthReader else LONGEST + 1
        if conn.whole > LONGEST or req.unusual:
            self.to_stock(conn)
            return False
        conn.req = req
        return True

    def answer(self, conn: Connection, req: Any, body: bytes) -> None:
        """Ask the application. Nothing has been sent when this raises."""
        started = datetime.now()
        environ: dict[str, Any] = {}
        resp = BufferedResponse(req, conn.sock, self.plain)
        streamed = False
        try:
            if self.pre_request is not None:
                self.pre_request(self, req)
            environ = environ_of(req, body, conn.environ)
            self.nr += 1
            if self.nr >= self.max_requests and self.alive:
                self.log.info("Autorestarting worker after current request.")
                self.alive = False
            if not self.alive or not self.plain.keepalive or self.nr_conns >= self.max_keepalived:
                resp.force_close()
            items = self.wsgi(environ, resp.start_response)
            streamed = type(items) is not list
            if streamed:
                self.in_thread(conn, self.stream, req, resp, environ, items, started)
                return
            resp.whole(items)
        finally:
            if not streamed:
                self.settle(req, resp, environ, started)
        self.send(conn, resp.take(), keep=not resp.should_close())

    def settle(self, req: Any, resp: Any, environ: dict[str, Any], started: datetime) -> None:
        """What gunicorn does after each answer."""
        if self.log.access_log_enabled:
            self.log.access(resp, req, environ, datetime.now() - started)
        try:
            self.plain.post_request(self, req, environ, resp)
        except Exception:
            self.log.exception("Exception in post_request hook")

    def stream(self, conn: Connection, req: Any, resp: Any, environ: dict[str, Any], items: Any, started: Any) -> bool:
        """Send an answer piece by piece, in a thread; whether the connection may go on."""
        try:
            conn.sock.settimeout(self.patience)
            for item in items:
                resp.write(item)
                conn.sock.sendall(resp.take())
            resp.close()
            conn.sock.sendall(resp.take())
            return not resp.should_close()
        except OSError as exc:
            self.log.debug("The client left: %s", exc)
        except Exception:
            self.log.exception("The application failed while its answer was sent.")
        finally:
            if hasattr(items, "close"):
                items.close()
            self.settle(req, resp, environ, started)
        return False

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Refuse as gunicorn does, which knows no 408."""
        if not isinstance(exc, RequestTimeout):
            super().handle_error(req, client, addr, exc)
            return
        self.log.debug("A request from %s did not arrive in time.", addr)
        try:
            util.write_error(client, 408, "Request Timeout", "")
        except OSError:
            self.log.debug("Failed to send error message.")
