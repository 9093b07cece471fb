"""How long a request would wait for its turn, and which requests are refused because of it.

The application says what a route is (``route_for``); an application that does not say has neither slow nor limited
routes.
"""

import time
from collections.abc import Callable
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
