"""A client's connection between two events of the loop, and the connections whose responses are written together."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from gunicorn.http.body import LengthReader
from gunicorn.workers.gthread import TConn

from service import log
from service.server.parsing import MIN_RATE, HeadCache, TimedParser

LINGER = 2.0
"""Seconds that a closing connection is read on, so that the client gets all of its response (RFC 9112, 9.6)."""
IDLE_WHEN_FULL = 2.0
"""Seconds that a client has to send something while other clients wait to be accepted."""
MIN_BATCH = 12
"""Sockets that must be ready at once for their responses to be written as a batch.

A server that keeps up sees fewer, and each of them waits less by itself.
"""
MAX_BATCH, MAX_DELAY = 8, 0.001
"""Responses in a batch of writes, and seconds that the first of them waits for the others.

A send wakes its client up, which costs more than the send itself. While one client is served the next one is awake.
"""
MAX_HEAD, MAX_REQUEST = 16 * 1024, 256 * 1024
"""Bytes of a head, and of a whole request, that the loop waits for; a thread reads longer ones."""
LONG_BODY = 4096
"""Bytes of a request body from which on handling it may take long."""


class LeftToGthread(Exception):
    """The next request is one that the loop leaves to gunicorn's own handling."""


def peer_environ(client: Any, server: Any) -> dict[str, Any]:
    """What is the same in every environ of a connection. Over a unix socket the Host header names the server."""
    if not isinstance(client, tuple):
        return {"REMOTE_ADDR": client.decode() if isinstance(client, bytes) else client}
    return {
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
    }


class Connection(TConn):  # type: ignore[misc]  # gunicorn has no types
    """What was read of a connection's next requests, what of its response is not sent yet, and how long to wait for it.

    ``req`` is the request whose body is not complete yet; it takes ``request_length`` bytes of ``received``, the first
    ``head_length`` of which are its head. ``requests`` counts those that were parsed. ``keep_alive`` tells whether the
    connection stays open after the response; ``closing``, that it is shut for writing and read on for ``LINGER``.
    Times are of ``time.monotonic``, in seconds: at ``deadline`` the connection is closed, whatever is missing.
    """

    def __init__(
        self, cfg: Any, sock: Any, client: Any, server: Any, environ: dict[str, Any], client_timeout: float
    ) -> None:
        super().__init__(cfg, sock, client, server)
        self.initialized = self.data_ready = True  # gthread has nothing to wait for
        self.client_timeout = client_timeout
        self.environ = environ | peer_environ(client, server)
        self.received = bytearray()
        self.req: Any = None
        self.parser: Any = None
        self.head_length = self.request_length = self.requests = 0
        self.unsent = memoryview(b"")
        self.keep_alive = self.closing = False
        self.deadline = self.send_deadline = 0.0

    def receive(self) -> bytes | None:
        """What the client sent; empty when it sends no more, None when there is nothing now."""
        try:
            found: bytes = self.sock.recv(65536)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return b""
        return found

    def add_received(self, data: bytes) -> None:
        """Keep what was received; the first byte of a request starts its time limit."""
        if not self.received:
            self.deadline = time.monotonic() + self.client_timeout
        self.received += data

    def has_request(self, heads: HeadCache) -> bool:
        """Whether the next request is complete; its head is parsed as soon as it is there.

        Raises:
            LeftToGthread: the loop does not handle this request.
            gunicorn.http.errors.ParseException: gunicorn refuses it.
        """
        if self.req is None and not self._parse_head(heads):
            return False
        return len(self.received) >= self.request_length

    def _parse_head(self, heads: HeadCache) -> bool:
        self.head_length = self.received.find(b"\r\n\r\n") + 4
        if self.head_length < 4:
            if len(self.received) > MAX_HEAD or b"\n" in self.received.replace(b"\r\n", b""):
                raise LeftToGthread  # which refuses it
            return False
        self.requests += 1
        req = heads.parse(bytes(self.received[: self.head_length]), self.client, self.requests)
        reader = req.body.reader
        if type(reader) is not LengthReader or req.for_gthread:
            raise LeftToGthread
        self.request_length = self.head_length + reader.length
        if self.request_length > MAX_REQUEST:
            raise LeftToGthread
        self.req = req
        return True

    def take_request(self) -> tuple[Any, bytes]:
        """The request that is complete, and its body; they leave the buffer."""
        req, body = self.req, bytes(memoryview(self.received)[self.head_length : self.request_length])
        self.req = None
        del self.received[: self.request_length]
        return req, body

    def start_parser(self) -> None:
        """Leave what was received to gunicorn's parser, which a thread reads on with."""
        self.parser = TimedParser(self.cfg, self.sock, self.client, bytes(self.received), self.client_timeout)
        self.received.clear()
        self.req = None

    def stop_parser(self) -> None:
        """Take back what the parser, if there is one, has read of the next requests."""
        if self.parser is not None:
            self.received[:0] = self.parser.unreader.take_buffered()
            self.parser = None

    def queue_response(self, response: bytes, keep_alive: bool, now: float) -> None:
        """Have a whole response to send, head and body."""
        self.unsent = memoryview(response)
        self.keep_alive = keep_alive
        self.send_deadline = now + self.client_timeout

    def flush(self) -> bool:
        """Send what the kernel takes of the response; whether that was all.

        A long response gets a second more for every ``MIN_RATE`` bytes that the client took.

        Raises:
            OSError: the client is gone.
        """
        try:
            sent = self.sock.send(self.unsent)
        except BlockingIOError:
            sent = 0
        self.unsent = self.unsent[sent:]
        if not self.unsent:
            return True
        self.send_deadline += sent / MIN_RATE
        self.deadline = min(self.send_deadline, time.monotonic() + self.client_timeout)
        return False

    def finish_response(self, keepalive: float) -> None:
        """Wait ``keepalive`` seconds for the next request; or shut the sending side, and linger for the client.

        Raises:
            OSError: the client is gone.
        """
        now = time.monotonic()
        if self.keep_alive:
            self.deadline = now + (self.client_timeout if self.received else keepalive)
            return
        self.closing, self.deadline = True, now + LINGER
        self.sock.shutdown(socket.SHUT_WR)

    def is_expired(self, now: float, full: bool) -> bool:
        """Whether to close it; ``full`` tells that others wait to be accepted, for whom an idle one makes room."""
        left = self.deadline - now
        if left <= 0 or not full:
            return left <= 0
        return not self.unsent and not self.closing and left < self.client_timeout - IDLE_WHEN_FULL

    def limit_idle(self, deadline: float) -> None:
        """Close it by ``deadline`` at the latest if it waits for a request."""
        if not self.received and not self.unsent:
            self.deadline = min(self.deadline, deadline)


class WriteBatch:
    """Connections whose responses are complete and are written one right after the other.

    ``active`` is set while the loop handles at least ``MIN_BATCH`` events; otherwise each response is written at once.
    """

    def __init__(self, flush: Callable[[], None]) -> None:
        self.active = False
        self._flush = flush
        self._connections: list[Connection] = []
        self._started = 0.0
        self._durations: dict[str, float] = {}

    @contextmanager
    def collect(self) -> Iterator[None]:
        """Collect responses, and log lines, while the loop handles many events; ``flush`` writes what is left."""
        self.active = True
        try:
            with log.batch():
                yield
        finally:
            self.active = False
            self._flush()

    def add(self, conn: Connection, now: float) -> bool:
        """Add a connection that has a response; True when the batch must be written now."""
        if not self._connections:
            self._started = now
        self._connections.append(conn)
        return len(self._connections) >= MAX_BATCH or now - self._started > MAX_DELAY

    def take(self) -> list[Connection]:
        """The connections, in the order they were added; the batch is empty afterwards."""
        taken, self._connections = self._connections, []
        return taken

    def is_held_up_by(self, path: str, body_length: int) -> bool:
        """Whether responses would wait for a request that may take long, or whose path is not known to be fast."""
        if not self._connections:
            return False
        return body_length > LONG_BODY or self._durations.get(path, MAX_DELAY) >= MAX_DELAY

    def record_duration(self, path: str, seconds: float) -> None:
        """Remember how long the last request for a path took."""
        if len(self._durations) >= 512:
            self._durations.clear()
        self._durations[path] = seconds
