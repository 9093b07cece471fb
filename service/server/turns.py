"""Whose turn it is, and how much is held for those who wait for theirs."""

from collections import deque
from collections.abc import Collection

from service.server.connection import Connection

KNOWN, NEW, AHEAD = range(3)
"""The lines: who was answered before on this connection; who was not yet; who sends requests ahead of the responses."""


class Turns:
    """Connections that wait for their turn, first come, first served in each line; each has one request a turn.

    The lines take turns. So a client that is known waits for no flood of new connections, and a client with one request
    for no pipeline, however many there are.
    """

    def __init__(self) -> None:
        self._lines: tuple[deque[Connection], ...] = (deque(), deque(), deque())
        self._complete = [0, 0, 0]
        self._last = AHEAD

    def __len__(self) -> int:
        return sum(map(len, self._lines))

    @property
    def admitted(self) -> int:
        """How many wait with a complete request."""
        return sum(self._complete)

    def before(self, conn: Connection) -> int:
        """How many requests would be handled before this connection's."""
        own = self._complete[_line_of(conn)]
        return sum(min(own, complete) for complete in self._complete)

    def add(self, conn: Connection) -> None:
        """Have a connection wait."""
        conn.line = _line_of(conn)
        conn.queued, conn.counted = True, conn.ready
        self._lines[conn.line].append(conn)
        self._complete[conn.line] += conn.counted

    def take(self) -> Connection:
        """The connection whose turn it is; it waits no more. It may have been closed meanwhile."""
        for line in (self._last + 1, self._last + 2, self._last + 3):
            if waiting := self._lines[line % 3]:
                break
        self._last = line % 3
        conn = waiting.popleft()
        conn.queued = False
        self._complete[self._last] -= conn.counted
        return conn


def _line_of(conn: Connection) -> int:
    return AHEAD if conn.sends_ahead else KNOWN if conn.requests > 1 else NEW


class LongRequests:
    """Connections whose request is a long one; some of them are refused when they hold too much together."""

    def __init__(self) -> None:
        self._connections: dict[Connection, None] = {}

    def add(self, conn: Connection) -> None:
        """Have what a connection holds counted."""
        self._connections[conn] = None

    def discard(self, conn: Connection) -> None:
        """Count it no more."""
        self._connections.pop(conn, None)

    def oldest_beyond(self, most: int, open_connections: Collection[Connection]) -> Connection | None:
        """The one that has taken longest to arrive, when together they hold more than ``most`` bytes; else None."""
        self._connections = {conn: None for conn in self._connections if conn in open_connections and conn.held}
        if sum(conn.held for conn in self._connections) <= most:
            return None
        unfinished = [conn for conn in self._connections if not conn.ready and not conn.unsent and not conn.closing]
        return min(unfinished, key=lambda conn: conn.began, default=None)
