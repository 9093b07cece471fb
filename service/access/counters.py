"""Requests counted over all processes of a host: a table of fixed size in a file, guarded by a file lock.

A file and not a memory map: a map on a full disk kills the process that writes to it, a write only fails.
The kernel releases the lock of a process that dies, however it dies. What it was writing is one slot of 24 bytes. A
slot that was written in part costs one client one wrong count for one period.

A client's slot is one of the WAYS of the bucket that its key hashes to. Where all of them are in use, the client with
the fewest requests is replaced: memory is bounded for any number of clients, and busy clients are never forgotten.
"""

import hashlib
import math
import os
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from service.locks import lock, open_lock, unlock
from service.setting_readers import Rate

WAYS = 8
BUCKETS = 8192
"""65 536 clients at a time in 1.5 MiB."""

_SLOT = struct.Struct("=QdQ")  # hash of the client, end of its period in seconds of the clock, requests counted
_BUCKET = struct.Struct("=" + "QdQ" * WAYS)


@dataclass(slots=True)
class RateLimitStatus:
    """After one request: ``used`` of the rate's limit, this request included; ``left`` seconds of the period."""

    rate: Rate
    used: int
    left: float

    @property
    def allowed(self) -> bool:
        """Whether this request was within the limit."""
        return self.used <= self.rate.limit

    @property
    def remaining(self) -> int:
        """Requests that would still be accepted in this period."""
        return max(0, self.rate.limit - self.used)

    @property
    def reset(self) -> int:
        """Whole seconds, at least 1, after which the period is certainly over."""
        return max(1, math.ceil(self.left))


class HostCounters:
    """The counters of this host, as one process sees them. Open them after the fork: it would share the lock."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Open the file, or make it.

        ``clock`` must be one for the whole host, as the monotonic clock is; it starts anew when the host does.

        Raises:
            OSError: the file cannot be made.
        """
        self._clock = clock
        self._threads = threading.Lock()  # a file lock holds off other processes, not the threads of this one
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open_lock(path, 0o600)
        try:
            self._reserve()
        except OSError:
            os.close(self._file)
            raise

    def check(self, client: str, rate: Rate) -> RateLimitStatus:
        """Count one request, unless the limit is reached: refused requests do not count.

        Raises:
            OSError: the file cannot be written.
        """
        key = _key(client)
        offset = key % BUCKETS * _BUCKET.size
        with self._threads:
            lock(self._file)
            try:
                now = self._clock()  # under the lock, so that no other process finds a period that ends too late
                slot, end, count = self._slot(offset, key, now, rate.period)
                if count < rate.limit:
                    os.pwrite(self._file, _SLOT.pack(key, end, count + 1), offset + slot * _SLOT.size)
            finally:
                unlock(self._file)
        return RateLimitStatus(rate, count + 1, end - now)

    def close(self) -> None:
        """Close the file; nothing may be counted afterwards."""
        os.close(self._file)

    def _slot(self, offset: int, key: int, now: float, period: float) -> tuple[int, float, int]:
        """The client's slot in its bucket, the end of its period and what was counted in it."""
        cells = _BUCKET.unpack(os.pread(self._file, _BUCKET.size, offset))
        owners, ends, counts = cells[0::3], cells[1::3], cells[2::3]
        # An end further than a period away is from before the host's start or from a longer RATE_LIMIT.
        last = now + period
        if key in owners:
            slot = owners.index(key)
            if now < ends[slot] <= last:
                return slot, ends[slot], counts[slot]
            return slot, last, 0
        active = [count if now < end <= last else 0 for end, count in zip(ends, counts, strict=True)]
        return active.index(min(active)), last, 0

    def _reserve(self) -> None:
        """Allocate the whole file now, so that a disk that fills up later does not matter."""
        size = BUCKETS * _BUCKET.size
        if os.fstat(self._file).st_size >= size:
            return
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(self._file, 0, size)
        else:  # macOS
            os.ftruncate(self._file, size)


@lru_cache(maxsize=4096)
def _key(client: str) -> int:
    return int.from_bytes(hashlib.blake2b(client.encode(), digest_size=8).digest(), "little")
