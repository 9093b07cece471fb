"""A Redis client with a circuit breaker: while Redis is away, callers get their fallback at once."""

import threading
import time
from collections.abc import Callable
from functools import cache
from typing import TypeVar

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, RedisError
from redis.retry import Retry

from service import log, metrics

DEADLINE = 0.2
"""Seconds one command, or one connection, may take. Redis on the same network answers in under a millisecond."""
RETRY_SECONDS = 5.0
"""After a failure no command is sent for this long: at most one request in five seconds waits for an absent Redis."""

T = TypeVar("T")


class RedisClient:
    """One pool of connections. They are opened by the first command, so after the fork; the pool knows its process."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._away_until = 0.0
        # A connection that was idle while Redis was restarted fails on its first use: a new one is tried at once.
        retry = Retry(NoBackoff(), 1, supported_errors=(ConnectionError,))
        self._redis = Redis.from_url(url, socket_timeout=DEADLINE, socket_connect_timeout=DEADLINE, retry=retry)

    def call(self, use: str, command: Callable[[Redis], T], fallback: Callable[[], T]) -> T:
        """The result of ``command``, or of ``fallback`` while Redis is away; ``use`` is the caller's name in the log.

        A circuit breaker: a command that fails, or takes longer than DEADLINE, opens it. While it is open nothing is
        sent. After RETRY_SECONDS one caller's command is the trial that closes it, or opens it for as long again.
        No error of Redis is raised; what ``fallback`` raises is.
        """
        away = self._away_until
        if away and not self._claim_trial(away):
            metrics.redis_away(use)
            return fallback()
        try:
            result = command(self._redis)
        except (RedisError, OSError) as exc:
            self._away_until = self._clock() + RETRY_SECONDS
            log.warning("redis_away", use=use, reason=str(exc), retry_seconds=RETRY_SECONDS)
            metrics.redis_away(use)
            return fallback()
        if away:
            self._away_until = 0.0
            log.info("redis_back", use=use)
        return result

    def _claim_trial(self, away: float) -> bool:
        """Whether the pause is over and no other thread is trying."""
        with self._lock:
            if self._away_until != away or self._clock() < away:
                return False
            self._away_until = self._clock() + RETRY_SECONDS
            return True


@cache
def connect(url: str) -> RedisClient:
    """This process's client of ``url``: limits and cache share its connections and its circuit breaker."""
    return RedisClient(url)
