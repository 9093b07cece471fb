"""Responses that are written together: waking up a client costs more than the send itself."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from service import log
from service.server.connection import Connection

MIN_BATCH = 12
"""Requests that must wait at once for their responses to be written as a batch.

A server that keeps up sees fewer, and each of them waits less by itself.
"""
MAX_BATCH, MAX_DELAY = 8, 0.001
"""Responses in a batch of writes, and seconds that the first of them waits for the others.

While one client is served the next one is awake.
"""
SLOW_BODY = 4096
"""Bytes of a request body from which on handling it may take long."""


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
        return body_length > SLOW_BODY or self._durations.get(path, MAX_DELAY) >= MAX_DELAY

    def record_duration(self, path: str, seconds: float) -> None:
        """Remember how long the last request for a path took."""
        if len(self._durations) >= 512:
            self._durations.clear()
        self._durations[path] = seconds
