"""Whose turn it is, and how much is held for those who wait for theirs."""

from collections import deque
from collections.abc import Collection

from service.server.connection import Connection


class Turns:
    """Connections that wait for their turn, first come, first served; each has one request a turn.

    Who sends requests ahead of the responses stands in a second line with all but the first of them. The lines take
    turns, so that a client with one request waits for no pipeline, however many there are. ``admitted`` is how many
    wait with a complete request.
    """

    def __init__(self) -> None:
        self.admitted = 0
        self._line: deque[Connection] = deque()
        self._ahead: deque[Connection] = deque()
        self._is_ahead_next = False

    def __len__(self) -> int:
        return len(self._line) + len(self._ahead)

    def add(self, conn: Connection) -> None:
        """Have a connection wait."""
        conn.queued = True
        conn.counted = conn.ready
        self.admitted += conn.counted
        (self._ahead if conn.sends_ahead else self._line).append(conn)

    def take(self) -> Connection:
        """The connection whose turn it is; it waits no more. It may have been closed meanwhile."""
        line = self._ahead if self._ahead and (self._is_ahead_next or not self._line) else self._line
        self._is_ahead_next = line is self._line
        conn = line.popleft()
        conn.queued = False
        self.admitted -= conn.counted
        return conn


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
