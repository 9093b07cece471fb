"""Whose turn it is, and how much is held for those who wait for theirs."""

from collections import deque
from collections.abc import Collection

from service.server.connection import Connection


class Turns:
    """Connections that wait for their turn, first come, first served; each has one request a turn.

    Who sends requests ahead of the responses stands in a second line with all but the first of them. The lines take
    turns, so that a client with one request waits for no pipeline, however many there are.
    """

    def __init__(self) -> None:
        self._line: deque[Connection] = deque()
        self._ahead: deque[Connection] = deque()
        self._in_line = self._in_ahead = 0
        self._is_ahead_next = False

    def __len__(self) -> int:
        return len(self._line) + len(self._ahead)

    @property
    def admitted(self) -> int:
        """How many wait with a complete request."""
        return self._in_line + self._in_ahead

    def before(self, conn: Connection) -> int:
        """How many requests would be handled before this connection's."""
        return self.admitted if conn.sends_ahead else self._in_line + min(self._in_line, self._in_ahead)

    def add(self, conn: Connection) -> None:
        """Have a connection wait."""
        conn.queued = True
        conn.counted = conn.ready
        if conn.sends_ahead:
            self._ahead.append(conn)
            self._in_ahead += conn.counted
        else:
            self._line.append(conn)
            self._in_line += conn.counted

    def take(self) -> Connection:
        """The connection whose turn it is; it waits no more. It may have been closed meanwhile."""
        is_ahead = bool(self._ahead) and (self._is_ahead_next or not self._line)
        self._is_ahead_next = not is_ahead
        conn = (self._ahead if is_ahead else self._line).popleft()
        conn.queued = False
        if is_ahead:
            self._in_ahead -= conn.counted
        else:
            self._in_line -= conn.counted
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
