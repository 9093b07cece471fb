"""Connections that are read and written without waiting for the client, over gunicorn's gthread worker."""

import errno
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext
from functools import partial
from selectors import EVENT_READ
from typing import Any

from schemas.errors import RequestTimeout
from service import log
from service.server.accepting import accepted, overdue
from service.server.connection import Connection
from service.server.environ import base_environ
from service.server.options import Snapshot
from service.server.reading import SlowParser
from service.server.sending import CROWD, SendingWorker

SLOW = "The request did not arrive in time."
SWEEP = 0.25
"""Seconds by which a connection may outlive its deadline."""


class PollingWorker(SendingWorker):
    """Watches connections; a subclass handles what was read."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.plain = Snapshot(self.cfg)
        self.beat = self.swept = 0.0

    def step(self, conn: Connection) -> bool:
        """Handle the next request of a connection; False while some of it is missing."""
        raise NotImplementedError

    def load_wsgi(self) -> None:
        """Load the application, and what every environ holds."""
        super().load_wsgi()
        self.environ = base_environ(self.cfg)

    def handle_usr1(self, sig: int, frame: Any) -> None:
        """Open the log files again; new connections have the new error stream."""
        super().handle_usr1(sig, frame)
        self.environ = base_environ(self.cfg)

    def notify(self) -> None:
        """Tell the arbiter that no handler hangs; at most twice a second."""
        now = time.monotonic()
        if now - self.beat >= 0.5:
            self.beat = now
            super().notify()

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Wait, then serve whoever is ready."""
        try:
            events = self.poller.select(timeout)
            with self.together() if len(events) >= CROWD else nullcontext():
                for key, _ in events:
                    key.data(key.fileobj)
        except OSError as exc:
            if exc.errno != errno.EINTR:
                raise

    @contextmanager
    def together(self) -> Iterator[None]:
        """A round: a crowd of requests is there, so their answers are sent and their log lines written together."""
        self.in_round = True
        try:
            with log.batch():
                yield
        finally:
            self.in_round = False
            self.release()

    def accept(self, listener: Any) -> None:
        """Take one new connection."""
        if (found := accepted(self, listener)) is not None:
            self.nr_conns += 1
            self.watch(Connection(self.plain, *found, listener.getsockname(), self.environ), self.patience)

    def watch(self, conn: Connection, seconds: float) -> None:
        """Read the connection from now on, for so long."""
        conn.deadline = time.monotonic() + seconds
        conn.sock.setblocking(False)
        self.watched[conn] = None
        self.poller.register(conn.sock, EVENT_READ, partial(self.readable, conn))

    def in_thread(self, conn: Connection, work: Callable[..., bool], *arguments: Any) -> None:
        """Leave the connection to a thread of the pool; ``work`` returns whether it may go on."""
        del self.watched[conn]
        self.poller.unregister(conn.sock)
        future = self.tpool.submit(work, conn, *arguments)
        future.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))

    def to_stock(self, conn: Connection) -> None:
        """Leave what was read, and what follows, to gunicorn's own handling."""
        conn.parser = SlowParser(self.plain, conn.sock, conn.client, bytes(conn.read), self.patience)
        conn.read.clear()
        conn.req = None
        self.in_thread(conn, self.handle)

    def finish_request(self, conn: Connection, fs: "Future[bool]") -> None:
        """Take a connection back from a thread."""
        if conn.sock.fileno() < 0:  # closed there already
            self.nr_conns -= 1
            return
        if conn.parser is not None:
            conn.read[:0] = conn.parser.unreader.take_buffered()
            conn.parser = None
        conn.keep = not fs.cancelled() and fs.exception() is None and fs.result()
        self.watch(conn, self.patience)
        self.rest(conn)
        self.advance(conn)

    def drop(self, conn: Connection) -> None:
        """Close it now."""
        del self.watched[conn]
        self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()

    def readable(self, conn: Connection, sock: Any) -> None:
        """Take what the client sent."""
        try:
            found = sock.recv(65536)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            found = b""
        if not found and conn.req is not None and not conn.closing:
            self.to_stock(conn)  # which answers that the body is too short; who half-closed still listens
        elif not found:
            self.drop(conn)
        elif not conn.closing:
            if not conn.read:
                conn.deadline = time.monotonic() + self.patience
            conn.read += found
            self.advance(conn)

    def advance(self, conn: Connection) -> None:
        """Handle every request that is there, as long as the client takes the answers."""
        while conn.read and conn in self.watched and not conn.unsent and not conn.closing and self.step(conn):
            pass

    def refuse(self, conn: Connection, exc: Exception) -> None:
        """Answer what cannot be handled, and close."""
        self.handle_error(conn.req, conn.sock, conn.client, exc)
        conn.read.clear()
        conn.keep = False
        self.rest(conn)

    def murder_pending(self) -> None:
        """Close what is over, four times a second at most: this looks at every connection, after every event."""
        now = time.monotonic()
        if now - self.swept < SWEEP:
            return
        self.swept = now
        full = self.alive and not self._accepting
        for conn in [conn for conn in self.watched if overdue(conn, now, self.patience, full)]:
            if conn.read and not conn.unsent and not conn.closing:
                self.refuse(conn, RequestTimeout(SLOW))
            else:
                self.drop(conn)

    def _cap_keepalive(self, deadline: float) -> None:
        """A stopping worker waits less for the next request of a connection."""
        for conn in self.watched:
            if not conn.read and not conn.unsent:
                conn.deadline = min(conn.deadline, deadline)
