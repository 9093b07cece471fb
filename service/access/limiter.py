"""Counts requests against RATE_LIMIT: over all hosts where there is a Redis, else over all workers of this one."""

import os
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from service import log
from service.access.counters import HostCounters
from service.access.rate import Rate, RateLimitStatus
from service.settings import Settings

if TYPE_CHECKING:
    from redis import Redis

    from service.redis_client import RedisClient


COUNTERS = "limits.v1"
"""The file of the host's counters in VAR_DIR; another number when its layout changes."""


class Limiter:
    """Counts for one process. Opens what it counts in when it first counts, which is after the fork."""

    def __init__(self, rate: Rate, path: Path, remote: "RedisClient | None" = None) -> None:
        self.rate = rate
        self._path = path
        self._remote = remote
        self._pid = 0
        self._counters: HostCounters | None = None

    def spend(self, client: str) -> RateLimitStatus:
        """Count one request of ``client``, a name or an address; never raises."""
        if self._remote is None:
            return self._on_host(client)
        return self._remote.ask("limits", partial(self._in_redis, client), partial(self._on_host, client))

    def _in_redis(self, client: str, redis: "Redis") -> RateLimitStatus:
        """One round trip, all or nothing: begin a period where there is none, count, ask what is left of it."""
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
            return self._opened().spend(client, self.rate)
        except OSError as exc:
            # A limit that cannot be counted must not become an outage.
            log.error("limit_not_counted", reason=str(exc))
            return RateLimitStatus(self.rate, 0, self.rate.period)

    def _opened(self) -> HostCounters:
        if self._counters is None or self._pid != os.getpid():
            try:
                self._counters = HostCounters(self._path)
            except OSError as exc:
                log.error("limit_per_worker", reason=str(exc))
                with tempfile.TemporaryDirectory() as folder:
                    self._counters = HostCounters(Path(folder) / COUNTERS)  # lives on, nameless, while it is open
            self._pid = os.getpid()
        return self._counters


def make_limiter(settings: Settings) -> Limiter | None:
    """The limiter that the settings ask for; None where RATE_LIMIT is empty."""
    if not settings.rate_limit:
        return None
    remote = None
    if settings.redis_url:
        from service.redis_client import connect  # 20 MB of memory, only for those who have a Redis

        remote = connect(settings.redis_url)
    return Limiter(Rate.read(settings.rate_limit), settings.var_dir / COUNTERS, remote)
