"""A client's connection between two events of the loop: what was read of its requests, what is not sent yet."""

import socket
import time
from contextlib import suppress
from typing import Any

from gunicorn.http.errors import ChunkMissingTerminator, LimitRequestHeaders
from gunicorn.workers.gthread import TConn

from service.server.bodies import ChunkedBody
from service.server.overload import NO_ROUTE, Route
from service.server.parsing import HeadParser
from service.server.request import HeadReader, ParsedRequest

MIN_RATE = 64 * 1024
"""Bytes a second: a long body or response gets a second more for each so many."""
LINGER = 2.0
"""Seconds that a closing connection is read on, so that the client gets all of its response (RFC 9112, 9.6)."""
IDLE_WHEN_FULL = 2.0
"""Seconds that a client has to send something while other clients wait to be accepted."""
READ_AHEAD = 64 * 1024
"""Bytes that are read of further requests while one waits for its turn."""
LONG_BODY = 256 * 1024
"""Bytes of a body from which on its connection counts as a long one, and its request is handled in a thread."""
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


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

    ``req`` is the request whose head was parsed; its body is ``length`` bytes of ``received``, or ``chunks``. ``ready``
    tells that it is complete: it was seen at ``arrived``, and may have been there since ``since``. ``route`` is its.
    ``queued`` tells that the connection waits for its turn in a ``line`` of turns.py, and ``counted``, that it does so
    with a complete request; ``sends_ahead``, that bytes of its request were there before the response to the last one
    was written. ``ended`` tells that the client sends no more. ``keep_alive`` tells whether the connection stays open
    after the response; ``closing``, that it is shut for writing and read on for ``LINGER``. ``mask`` is what the poller
    watches.
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
        self.req: ParsedRequest | None = None
        self.chunks: ChunkedBody | None = None
        self.route: Route = NO_ROUTE
        self.requests = self.mask = self.line = self._searched = 0
        self.unsent = memoryview(b"")
        self.ready = self.queued = self.counted = self.sends_ahead = self.ended = self.keep_alive = self.closing = False
        self.deadline = self.body_deadline = self.send_deadline = self.arrived = self.since = self.began = 0.0

    def receive(self) -> bytes | None:
        """What the client sent; empty when it sends no more, None when there is nothing now.

        Raises:
            OSError: the client is gone.
        """
        try:
            found: bytes = self.sock.recv(65536)
        except (BlockingIOError, InterruptedError):
            return None
        return found

    def add_received(self, data: bytes) -> None:
        """Keep what was received; the first byte of a request starts its time limit."""
        now = time.monotonic()
        if not self.received and self.req is None:
            self.began = now
            self.deadline = self.body_deadline = now + self.client_timeout
        elif self.req is not None and not self.ready:
            self.body_deadline += len(data) / MIN_RATE
            self.deadline = min(self.body_deadline, now + self.client_timeout)
        self.received += data

    @property
    def held(self) -> int:
        """Bytes that are held of this client's requests."""
        return len(self.received) + (len(self.chunks.data) if self.chunks is not None else 0)

    def advance(self, heads: HeadParser, max_body: int) -> bool:
        """Parse and decode what was received; whether another call may find more without further bytes.

        Raises:
            gunicorn.http.errors.ParseException: gunicorn refuses it.
        """
        if self.ready or (self.req is None and not self._parse_head(heads, max_body)):
            return False
        req = self.req
        assert req is not None
        more = False
        if self.chunks is not None:
            more = self.chunks.feed(self.received)
            self.ready = self.chunks.complete or self.chunks.too_long
            if self.ended and not self.ready and not more:
                raise ChunkMissingTerminator(b"")
        else:
            assert req.length is not None  # since there are no chunks
            self.ready = len(self.received) >= req.length or req.length > max_body or self.ended
        return more

    def _parse_head(self, heads: HeadParser, max_body: int) -> bool:
        received = self.received
        if self._searched == 0 and received[:2] == b"\r\n":
            del received[:2]  # one empty line before a request is ignored (2.2)
        end = received.find(b"\r\n\r\n", self._searched)
        if end < 0:
            self._check_unfinished(heads)
            return False
        head = bytes(received[: end + 4])
        del received[: end + 4]
        self._searched = 0
        self.requests += 1
        req = self.req = heads.parse(head, self.client, self.requests)
        if req.length is None:
            self.chunks = ChunkedBody(req, max_body)
        elif req.length > max_body or (self.ended and len(received) < req.length):
            req.force_close()  # where the next request begins is unknown
        if req.expects_continue:
            with suppress(OSError):
                self.sock.send(CONTINUE)
        return True

    def _check_unfinished(self, heads: HeadParser) -> None:
        """Refuse at once what can become no head, looking at every byte once or twice."""
        received, start = self.received, max(0, self._searched - 1)
        new = received[start:]
        if start and new[:1] == b"\n":
            del new[0]  # its CR was seen before
        has_bare_lf = new.count(b"\n") != new.count(b"\r\n")
        first_line_is_long = b"\r\n" not in received[: heads.max_line + 2] and len(received) > heads.max_line + 2
        if has_bare_lf or first_line_is_long:
            ParsedRequest(self.cfg, HeadReader(bytes(received)), self.client)  # which refuses it
        if len(received) > heads.max_head:
            raise LimitRequestHeaders("max buffer headers")
        self._searched = max(0, len(received) - 3)

    def is_too_long(self, max_body: int) -> bool:
        """Whether the body of the request is longer than ``max_body`` bytes; then it is not all there."""
        if self.chunks is not None:
            return self.chunks.too_long
        return self.req is not None and self.req.length is not None and self.req.length > max_body

    def take_request(self) -> tuple[ParsedRequest, bytes]:
        """The request that is complete, and its body; they leave the buffer."""
        req, chunks = self.req, self.chunks
        assert req is not None
        if chunks is not None:
            body = bytes(chunks.data)
            if chunks.too_long:
                req.force_close()  # where the next request begins is unknown
        else:
            assert req.length is not None
            body = bytes(memoryview(self.received)[: req.length])
            del self.received[: req.length]
        self.drop_request()
        return req, body

    def drop_request(self) -> None:
        """Forget the request that was parsed."""
        self.req = self.chunks = None
        self.ready = False

    def has_left(self) -> bool:
        """Whether the client is known to be gone, or to send no more, without reading what it sent."""
        if self.ended:
            return True
        try:
            return bool(self.sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b"")
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            return True

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
            self.began = now
            self.deadline = now + (self.client_timeout if self.received else keepalive)
            self.body_deadline = self.deadline
            return
        self.closing, self.deadline = True, now + LINGER
        self.received.clear()
        self.sock.shutdown(socket.SHUT_WR)

    def is_expired(self, now: float, full: bool) -> bool:
        """Whether to close it; ``full`` tells that others wait to be accepted, for whom an idle one makes room."""
        left = self.deadline - now
        if self.queued:
            return False
        if left <= 0 or not full:
            return left <= 0
        return not self.unsent and not self.closing and left < self.client_timeout - IDLE_WHEN_FULL

    def limit_idle(self, deadline: float) -> None:
        """Close it by ``deadline`` at the latest if it waits for a request."""
        if not self.received and not self.unsent and self.req is None:
            self.deadline = min(self.deadline, deadline)
