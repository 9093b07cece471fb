"""The circuit breaker of the records' database: who would wait in vain is refused at once.

It opens when a request has waited in vain, for five times as long as it waited. It opens as well when connections are
often slow to come, since a slow database holds the threads of a worker as one that is away does. After that time one
request is the trial, which closes the breaker, or opens it again.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

from schemas.errors import StoreUnavailable
from service import log, metrics

UNAVAILABLE = "The records' database does not answer; try again later."
OPEN_FACTOR = 5
"""The breaker stays open for so many times the seconds that a request waited in vain."""
LONGEST = 60.0
"""Seconds that it is open at most."""
SLOW_SECONDS = 0.5
"""A connection that takes longer to be ready is slow: a healthy database takes some milliseconds."""
WINDOW, SLOW_CONNECTIONS = 5, 3
"""So many slow ones of the last five open the breaker."""


class Attempt:
    """One request's use of the database."""

    def __init__(self, breaker: "Breaker", began: float) -> None:
        self._breaker, self._began = breaker, began

    def connected(self) -> None:
        """The connection is ready: the database has answered."""
        self._breaker.answered(self._breaker.clock() - self._began)

    def failed(self, reason: str) -> StoreUnavailable:
        """The request waited in vain; the error to raise."""
        return self._breaker.trip(self._breaker.clock() - self._began, reason)

    def refused(self, reason: str) -> StoreUnavailable:
        """The database is well and refused a statement; the error to raise."""
        log.error("records_database_gone", reason=reason)
        metrics.records_unavailable("refused")
        return StoreUnavailable(UNAVAILABLE, {"Retry-After": "5"})


class Breaker:
    """Of one database, in one process. Safe to use from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._lock = Lock()
        self._slow: deque[bool] = deque(maxlen=WINDOW)
        self._open_until = 0.0
        self._open = self._trial = False

    @contextmanager
    def attempt(self) -> Iterator[Attempt]:
        """Let a request through.

        Raises:
            StoreUnavailable: the breaker is open, or another request is the trial.
        """
        with self._lock:
            now = self.clock()
            refused = self._open and (self._trial or now < self._open_until)
            trial = self._trial = self._open and (self._trial or not refused)
        if refused:
            metrics.records_unavailable("open")
            raise StoreUnavailable(UNAVAILABLE, {"Retry-After": str(max(1, int(self._open_until - now) + 1))})
        try:
            yield Attempt(self, now)
        finally:
            if trial:
                self._trial = False

    def answered(self, seconds: float) -> None:
        """Note how long a connection took to be ready."""
        with self._lock:
            self._slow.append(seconds > SLOW_SECONDS)
            was_open = self._open
            often_slow = self._slow[-1] and (was_open or self._slow.count(True) >= SLOW_CONNECTIONS)
            self._open = False
        if often_slow:
            text = f"{SLOW_CONNECTIONS} of {WINDOW} connections took longer than {SLOW_SECONDS} s to be ready"
            self._begin(seconds, text, was_open)
        elif was_open:
            log.info("records_breaker_closed", seconds=round(seconds, 3))

    def trip(self, seconds: float, reason: str) -> StoreUnavailable:
        """Open for a while: a request has waited ``seconds`` in vain. The error to raise."""
        log.error("records_database_gone", reason=reason)
        metrics.records_unavailable("away")
        wait = self._begin(seconds, reason, self._open)
        return StoreUnavailable(UNAVAILABLE, {"Retry-After": str(max(5, int(wait) + 1))})

    def _begin(self, seconds: float, reason: str, was_open: bool) -> float:
        wait = min(LONGEST, OPEN_FACTOR * seconds)
        with self._lock:
            self._open, self._open_until = True, self.clock() + wait
            self._slow.clear()
        if not was_open:
            log.warning("records_breaker_opened", reason=reason, seconds=round(wait, 1))
        return wait
