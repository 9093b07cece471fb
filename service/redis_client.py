"""The Redis that several hosts share, and what happens while it is away: the next best thing, at once, and said so."""

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
"""After a failure nobody asks Redis for this long: a request in five seconds at most waits for one that is away."""

T = TypeVar("T")


class RedisClient:
    """One pool of connections. They are opened when first used, so after the fork; the pool knows its process."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._away_until = 0.0
        # A connection that was idle while Redis was restarted fails on its first use: a new one is tried at once.
        retry = Retry(NoBackoff(), 1, supported_errors=(ConnectionError,))
        self._redis = Redis.from_url(url, socket_timeout=DEADLINE, socket_connect_timeout=DEADLINE, retry=retry)

    def ask(self, use: str, command: Callable[[Redis], T], otherwise: Callable[[], T]) -> T:
        """What ``command`` gets from Redis, or ``otherwise`` while it is away; ``use`` names it in log and metric."""
        away = self._away_until
        if away and not self._turn_to_try(away):
            metrics.redis_away(use)
            return otherwise()
        try:
            answer = command(self._redis)
        except (RedisError, OSError) as exc:
            self._away_until = self._clock() + RETRY_SECONDS
            log.warning("redis_away", use=use, reason=str(exc), retry_seconds=RETRY_SECONDS)
            metrics.redis_away(use)
            return otherwise()
        if away:
            self._away_until = 0.0
            log.info("redis_back", use=use)
        return answer

    def _turn_to_try(self, away: float) -> bool:
        """Whether the pause is over and no other thread is trying."""
        with self._lock:
            if self._away_until != away or self._clock() < away:
                return False
            self._away_until = self._clock() + RETRY_SECONDS
            return True


@cache
def connect(url: str) -> RedisClient:
    """The one of this process for ``url``: limits and cache share its connections and its pauses."""
    return RedisClient(url)
