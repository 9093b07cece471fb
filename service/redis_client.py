"""A Redis client with a circuit breaker: while Redis is away or slow, callers get their fallback at once.

Limits and cache are asked on the way of a prediction, where a wait for Redis is a wait of every client of the worker.
So two things open the breaker: a command that fails, and commands that are often slow. It closes by itself: a thread
of its own sends the probes, so no request waits for a Redis that is known to be away.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import cache
from typing import Literal, TypeVar

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, RedisError
from redis.retry import Retry

from service import log, metrics

DEADLINE = 0.2
"""Seconds one command, or one connection, may take. Redis on the same network answers in under a millisecond."""
SLOW_SECONDS = 0.02
"""A command that takes longer is slow: many predictions could have been answered meanwhile."""
WINDOW, SLOW_CALLS = 10, 5
"""Half of the last ten commands slow: the breaker opens. A pause of Redis, as for a snapshot, is one slow command."""
RETRY_SECONDS = 5.0
"""While the breaker is open a probe is sent this often, and nothing else."""
PROBES = 3
"""Commands of a probe. One of them may be slow: the first one may have to connect."""

_SLOW_TEXT = f"{SLOW_SECONDS * 1000:.0f} ms"
T = TypeVar("T")


State = Literal["closed", "away", "slow"]


class RedisClient:
    """One pool of connections. They are opened by the first command, so after the fork; the pool knows its process."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._slow: deque[bool] = deque(maxlen=WINDOW)
        self._state: State = "closed"
        self._probe_at = 0.0
        self._trusted = True
        # A connection that was idle while Redis was restarted fails on its first use: a new one is tried at once.
        retry = Retry(NoBackoff(), 1, supported_errors=(ConnectionError,))
        self._redis = Redis.from_url(url, socket_timeout=DEADLINE, socket_connect_timeout=DEADLINE, retry=retry)

    def call(self, use: str, command: Callable[[Redis], T], fallback: Callable[[], T]) -> T:
        """The result of ``command``, or of ``fallback`` while the breaker is open; ``use`` is the caller's name.

        After a probe that Redis answered quickly the next command closes the breaker, or opens it for as long again:
        a Redis that is full answers probes and refuses commands. No error of Redis is raised; what ``fallback`` raises
        is.
        """
        state = self._state
        if not self._trusted:
            self._start_probe()
            metrics.redis_skipped(use, slow=state == "slow")
            return fallback()
        began = self._clock()
        try:
            result = command(self._redis)
        except (RedisError, OSError) as exc:
            self._trip("away", str(exc), use)
            metrics.redis_skipped(use, slow=False)
            return fallback()
        slow = self._clock() - began > SLOW_SECONDS
        self._slow.append(slow)
        if slow and self._slow.count(True) >= SLOW_CALLS:
            self._trip("slow", f"{SLOW_CALLS} of the last {WINDOW} commands took longer than {_SLOW_TEXT}", use)
        elif state != "closed":
            self._state = "closed"
            log.info("redis_back", use=use)
        return result

    def _trip(self, state: State, reason: str, use: str) -> None:
        """Open the breaker, or leave it open for as long again. It is logged once, and again for another reason."""
        with self._lock:
            before, self._state, self._trusted = self._state, state, False
            self._probe_at = self._clock() + RETRY_SECONDS
            self._slow.clear()
        if before != state:
            fields = {"use": use, "reason": reason, "retry_seconds": RETRY_SECONDS}
            if state == "slow":
                log.warning("redis_slow", **fields)
            else:
                log.warning("redis_away", **fields)

    def _start_probe(self) -> None:
        """Start the thread that probes, where one is due."""
        if self._clock() < self._probe_at:
            return
        with self._lock:
            if self._trusted or self._clock() < self._probe_at:  # another thread was first
                return
            self._probe_at = math.inf
        threading.Thread(target=self._probe, daemon=True).start()

    def _probe(self) -> None:
        """Let commands through again if Redis answers, and quickly."""
        slow = 0
        try:
            for _ in range(PROBES):
                began = self._clock()
                self._redis.ping()
                slow += self._clock() - began > SLOW_SECONDS
        except Exception as exc:  # whatever it is, another probe must follow
            self._trip("away", str(exc), "probe")
            return
        if slow > 1:
            self._trip("slow", f"{slow} of {PROBES} probes took longer than {_SLOW_TEXT}", "probe")
        else:
            self._trusted = True


@cache
def connect(url: str) -> RedisClient:
    """This process's client of ``url``: limits and cache share its connections and its circuit breaker."""
    return RedisClient(url)
