"""Answers go out without waiting for the client; those of one round of the poller go out together."""

import socket
import time
from functools import partial
from selectors import EVENT_READ, EVENT_WRITE
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from service import log
from service.server.connection import Connection
from service.server.reading import SLOWEST

LINGER = 2.0
"""Seconds that a closing connection is read on, so that the client gets all of its answer (RFC 9112, 9.6)."""
TOGETHER, LATEST = 8, 0.001
"""Answers that are sent one right after the other, and seconds that the first of them waits for the others.

A send wakes its client up, which costs more than the send itself; while one client is served the next is awake.
"""
CROWD = 12
"""Requests that are there at once from which on they make a round. Fewer come to a server that keeps up, and wait less
each by itself.
"""
LONG = 4096
"""Bytes of a body whose handling may take long."""


class SendingWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Sends; a subclass reads."""

    patience = 30.0
    """Seconds in which a request must be there, and in which a client must take its answer; long ones get more."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.watched: dict[Connection, None] = {}
        self.in_round = False
        self.answered: list[Connection] = []
        self.waits_since = 0.0
        self.took: dict[str, float] = {}

    def readable(self, conn: Connection, sock: Any) -> None:
        """Take what the client sent."""
        raise NotImplementedError

    def advance(self, conn: Connection) -> None:
        """Handle every request that is there, as long as the client takes the answers."""
        raise NotImplementedError

    def drop(self, conn: Connection) -> None:
        """Close it now."""
        raise NotImplementedError

    def make_way(self, path: str, size: int) -> None:
        """Before a request: who has an answer does not wait for one that may take long, or is not known to be quick."""
        if self.answered and (size > LONG or self.took.get(path, LATEST) >= LATEST):
            self.release()

    def note(self, path: str, seconds: float) -> None:
        """After a request: how long it took."""
        if len(self.took) >= 512:
            self.took.clear()
        self.took[path] = seconds

    def send(self, conn: Connection, answer: bytes, keep: bool) -> None:
        """Send an answer, now or at the latest when the round ends; ``keep`` tells whether more requests may follow."""
        now = time.monotonic()
        conn.keep = keep
        conn.unsent = memoryview(answer)
        conn.limit = now + self.patience
        if not self.in_round:
            self.send_on(conn)
            return
        if not self.answered:
            self.waits_since = now
        self.answered.append(conn)
        if len(self.answered) >= TOGETHER or now - self.waits_since > LATEST:
            self.release()

    def release(self) -> None:
        """Send what was held back, after what the log has to say of it."""
        log.batch.flush_own()
        answered, self.answered = self.answered, []
        for conn in answered:
            if conn in self.watched:
                self.send_on(conn)
        for conn in answered:
            self.advance(conn)

    def send_on(self, conn: Connection) -> None:
        """Send as much as the kernel takes now, the rest when it takes more."""
        if not self.flush(conn) and conn in self.watched:
            self.poller.modify(conn.sock, EVENT_WRITE, partial(self.writable, conn))

    def writable(self, conn: Connection, sock: Any) -> None:
        """Send on."""
        if self.flush(conn) and conn in self.watched:
            self.poller.modify(sock, EVENT_READ, partial(self.readable, conn))
            self.advance(conn)

    def flush(self, conn: Connection) -> bool:
        """Send what the kernel takes; True when it was all."""
        try:
            sent = conn.sock.send(conn.unsent)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.drop(conn)
            return False
        conn.unsent = conn.unsent[sent:]
        if not conn.unsent:
            self.rest(conn)
            return True
        conn.limit += sent / SLOWEST
        conn.deadline = min(conn.limit, time.monotonic() + self.patience)
        return False

    def rest(self, conn: Connection) -> None:
        """An answer is out: wait for the next request, or close."""
        now = time.monotonic()
        if conn.keep:
            idle = self.plain.keepalive if self.alive else min(LINGER, self.plain.keepalive)
            conn.deadline = now + (self.patience if conn.read else idle)
            return
        conn.closing, conn.deadline = True, now + LINGER
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.drop(conn)
