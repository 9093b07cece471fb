"""How long a request would wait for its turn, and which requests are refused because of it.

Two things are waited for: the loop, which runs one request after the other, and a thread of a lane, for a request that
may wait for a database, is long, or has a streamed response. The application says what a route is (``route_for``); an
application that does not say has neither slow nor limited routes.
"""

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Protocol

from schemas.error_shapes import ErrorShape
from schemas.problems import PROBLEM_DETAILS

MAX_BODY = 16 * 1024 * 1024
"""Bytes of a body that the loop reads for an application without a limit of its own."""
MEMORY = 0.25
"""Seconds of serving that the measured time per request goes back."""
LEAST_SHARE = 0.4
"""The loop spends about half of its time, at least, on requests that were admitted (see give_turns in worker.py)."""
THREAD_WAIT = 30.0
"""Seconds that a request waits for a thread where OVERLOAD_MS is 0."""


class Rules(Protocol):
    """What the worker reads of an operation: whether OVERLOAD_MS holds for it, whether it may wait, how it refuses."""

    @property
    def limited(self) -> bool:
        """A prediction."""

    @property
    def slow(self) -> bool:
        """May wait for a database."""

    @property
    def errors(self) -> ErrorShape:
        """The shape of a refusal."""


@dataclass(frozen=True, slots=True)
class NoRules:
    """Those of a request without an operation."""

    limited: bool = False
    slow: bool = False
    errors: ErrorShape = PROBLEM_DETAILS


Route = tuple[str, Rules]
"""The rule of a request, as metrics have it, and what the worker knows of its operation."""
NO_ROUTE: Route = ("unmatched", NoRules())


class Policy:
    """What the application tells the worker: its routes, its longest body, and OVERLOAD_MS as seconds (0: never).

    Our application itself refuses a body that is longer than ``max_body``, after it has checked who sends it.
    """

    def __init__(self, app: Any) -> None:
        settings = getattr(app, "settings", None)
        self._find: Callable[[str, str], Route | None] | None = getattr(app, "route_for", None)
        self.refuses_long_bodies = settings is not None
        self.max_body: int = getattr(settings, "max_body_bytes", MAX_BODY)
        self.limit: float = getattr(settings, "overload_ms", 0) / 1000
        self.thread_wait = self.limit or THREAD_WAIT

    def route(self, method: str, path: str) -> Route:
        """The route of a request; ``path`` is as WSGI has it."""
        return NO_ROUTE if self._find is None else self._find(method, path) or NO_ROUTE


class Pace:
    """How fast the loop handles requests of late: the time of one, and the share of all time that is spent on them."""

    def __init__(self) -> None:
        self._seconds, self._share = 0.0, 1.0
        self._requests = 0

    def record(self, elapsed: float, handling: float, requests: int) -> None:
        """So many requests were handled; that took ``handling`` of the ``elapsed`` seconds, reading took the rest."""
        weight = min(1.0, elapsed / MEMORY)
        self._share += (handling / elapsed - self._share) * weight
        if requests:
            self._requests += requests
            weight = min(1.0, max(handling / MEMORY, requests / self._requests, 0.02))  # the first are the slowest
            self._seconds += (handling / requests - self._seconds) * weight

    def wait(self, requests: int) -> float:
        """Seconds that a request waits behind so many others."""
        return requests * self._seconds / max(self._share, LEAST_SHARE)


@dataclass(slots=True)
class Job:
    """Work for a thread. ``expire`` is called instead when it had to wait for too long, ``dropped`` asks beforehand."""

    run: Callable[[], None]
    expire: Callable[[], None]
    is_dropped: Callable[[], bool]
    since: float


class Lanes:
    """Threads by what is done in them: each lane has as many of its own, so that no kind of work holds up another.

    Everything here is called by the loop's thread.
    """

    def __init__(self, pool: Executor, size: int, wait: float, done: Callable[[str], None]) -> None:
        self._pool, self._size, self._wait, self._done = pool, size, wait, done
        self._running: dict[str, int] = {}
        self._waiting: dict[str, deque[Job]] = {}

    def submit(self, lane: str, job: Job) -> None:
        """Run a job as soon as its lane has a thread."""
        if self._running.get(lane, 0) < self._size:
            self._start(lane, job)
        else:
            self._waiting.setdefault(lane, deque()).append(job)

    def _start(self, lane: str, job: Job) -> None:
        self._running[lane] = self._running.get(lane, 0) + 1
        self._pool.submit(job.run).add_done_callback(lambda _: self._done(lane))

    def free(self, lane: str) -> None:
        """A thread of the lane has finished: start what waits for it."""
        self._running[lane] -= 1
        waiting = self._waiting.get(lane)
        while waiting:
            job = waiting.popleft()
            if job.is_dropped():
                job.expire()
                continue
            self._start(lane, job)
            return

    def sweep(self, now: float) -> None:
        """Expire the jobs that have waited for too long."""
        for waiting in self._waiting.values():
            while waiting and now - waiting[0].since > self._wait:
                waiting.popleft().expire()


class Refusals:
    """Counts the refusals of a second, for one line of the log."""

    def __init__(self) -> None:
        self._count, self._since = 0, 0.0

    def add(self) -> None:
        """One more was refused."""
        self._count += 1

    def take(self) -> int:
        """How many there were since the last time, at most once a second; else none."""
        now = time.monotonic()
        if not self._count or now - self._since < 1:
            return 0
        count, self._count, self._since = self._count, 0, now
        return count
