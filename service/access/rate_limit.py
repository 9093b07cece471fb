"""RATE_LIMIT: requests counted over all hosts where there is a Redis, else over all workers of this host."""

import os
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from service import log
from service.access.counters import HostCounters, RateLimitStatus
from service.setting_readers import Rate
from service.settings import Settings

if TYPE_CHECKING:
    from redis import Redis

    from service.redis_client import RedisClient

COUNTERS = "limits.v1"
"""The file of the host's counters in VAR_DIR; a new layout gets a new number."""


class Limiter:
    """The rate limit as one process sees it. The counters are opened by the first check, which is after the fork."""

    def __init__(self, rate: Rate, path: Path, redis: "RedisClient | None" = None) -> None:
        self.rate = rate
        self._path = path
        self._redis = redis
        self._pid = 0
        self._counters: HostCounters | None = None

    def check(self, client: str) -> RateLimitStatus:
        """Count one request of ``client``, a name or an address; never raises."""
        if self._redis is None:
            return self._on_host(client)
        return self._redis.call("limits", partial(self._in_redis, client), partial(self._on_host, client))

    def _in_redis(self, client: str, redis: "Redis") -> RateLimitStatus:
        """One round trip, all or nothing: begin a period where there is none, count, read what is left of it."""
        key = f"serving:limit:{self.rate.period}:{client}"
        milliseconds = self.rate.period * 1000
        commands = redis.pipeline()
        commands.set(key, 0, px=milliseconds, nx=True)
        commands.incr(key)
        commands.pttl(key)
        _, used, left = commands.execute()
        return RateLimitStatus(self.rate, used, (left + 1) / 1000)  # the last millisecond may still be the old period's

    def _on_host(self, client: str) -> RateLimitStatus:
        try:
            return self._open().check(client, self.rate)
        except OSError as exc:
            # A limit that cannot be counted must not become an outage.
            log.error("limit_not_counted", reason=str(exc))
            return RateLimitStatus(self.rate, 0, self.rate.period)

    def _open(self) -> HostCounters:
        if self._counters is None or self._pid != os.getpid():
            try:
                self._counters = HostCounters(self._path)
            except OSError as exc:
                log.error("limit_per_worker", reason=str(exc))
                with tempfile.TemporaryDirectory() as folder:
                    self._counters = HostCounters(Path(folder) / COUNTERS)  # the open file outlives its name
            self._pid = os.getpid()
        return self._counters


def make_limiter(settings: Settings) -> Limiter | None:
    """The limiter of these settings; None where RATE_LIMIT is empty."""
    if settings.rate_limit is None:
        return None
    redis = None
    if settings.redis_url:
        from service.redis_client import connect  # 20 MB of memory, only where there is a Redis

        redis = connect(settings.redis_url)
    return Limiter(settings.rate_limit, settings.var_dir / COUNTERS, redis)
