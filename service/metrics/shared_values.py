"""One process's share of the metrics: numbers in shared memory, and the names of the series that they belong to.

They replace prometheus_client's own multi-process values, which cost more than twice as much for each request
(ARCHITECTURE.md, "One count"). The memory is allocated in advance, so that a full disk cannot kill a process that
writes to it (SIGBUS).

Layout: ``VALUES`` float64, then ``NAME_BYTES`` bytes of JSON lines ``[metric, label value, ...]``. The series have
their values in the order of their lines, from value ``FIRST`` on. Value 0 is the number of bytes of names that are
complete, value 1 the process id. An aligned float64 is written at once, so a reader in another process needs no lock.
"""

import mmap
from collections.abc import Iterator
from threading import Lock

import orjson

from service.metrics.catalogue import GAUGES_OF_THE_LIVING, INITIAL_SERIES, METRICS, PHASES

VALUES, NAME_BYTES, FIRST, _OVERFLOW = 32_768, 131_072, 2, 32
SIZE = VALUES * 8 + NAME_BYTES
Key = tuple[str, ...]
"""A series: the name of its metric, then its label values."""


class SharedValues:
    """The values of one process. ``offsets`` is where each series begins; hold ``lock`` to add to ``values``."""

    def __init__(self, memory: mmap.mmap) -> None:
        self.lock = Lock()
        self.values = memoryview(memory)[: VALUES * 8].cast("d")
        self._names = memoryview(memory)[VALUES * 8 :]
        self.offsets: dict[Key, int] = {}
        self.phase_offsets: dict[str, tuple[int, ...]] = {}
        self._next = FIRST
        for key, offset in read_series(self.values, self._names):
            self.offsets[key] = offset
            self._next = offset + METRICS[key[0]].width
        for key in INITIAL_SERIES:
            self.offset(*key)
        self.in_flight = self.offset("http_requests_in_flight")
        self._dropped = self.offset("metrics_series_dropped_total")

    def adopt(self, pid: int) -> None:
        """Continue the counters of the process that had these values before; its gauges ended with it."""
        for key, offset in self.offsets.items():
            if METRICS[key[0]].kind in GAUGES_OF_THE_LIVING:
                self.values[offset] = 0.0
        self.values[1] = pid

    def offset(self, *key: str) -> int:
        """The index of a series' first value; a new series gets its values here."""
        return self.offsets.get(key) or self._allocate(key)

    def offsets_of_phases(self, model_version: str) -> tuple[int, ...]:
        """The offsets of a version's phases, in their order; afterwards ``phase_offsets`` has them."""
        found = tuple(self.offset("prediction_duration_seconds", model_version, phase) for phase in PHASES)
        self.phase_offsets[model_version] = found
        return found

    def items(self) -> Iterator[tuple[Key, int]]:
        """Every series and its offset."""
        yield from tuple(self.offsets.items())

    def copy_from(self, other: "SharedValues", counters: bool) -> None:
        """Take over this process's gauges from values it used before, and add its counters if ``counters`` is true."""
        for key, offset in other.items():
            metric = METRICS[key[0]]
            if metric.kind in GAUGES_OF_THE_LIVING:
                self.values[self.offset(*key)] = other.values[offset]
            elif counters:
                own = self.offset(*key)
                for index in range(metric.width):
                    before = 0.0 if metric.kind == "latest" else self.values[own + index]
                    self.values[own + index] = before + other.values[offset + index]

    def _allocate(self, key: Key) -> int:
        with self.lock:
            if key in self.offsets:
                return self.offsets[key]
            line = orjson.dumps(key) + b"\n"
            used, offset = int(self.values[0]), self._next
            if offset + METRICS[key[0]].width > VALUES - _OVERFLOW or used + len(line) > NAME_BYTES:
                # No room is left: this series is written to the last values, which nobody reads.
                self.offsets[key] = VALUES - _OVERFLOW
                self.values[self._dropped] += 1
                return VALUES - _OVERFLOW
            self._names[used : used + len(line)] = line
            self.values[0] = used + len(line)
            self._next = offset + METRICS[key[0]].width
            self.offsets[key] = offset
            return offset


def read_series(values: "memoryview[float]", names: "memoryview[int] | bytes") -> Iterator[tuple[Key, int]]:
    """Every series and its offset, even while its process adds others."""
    offset = FIRST
    for line in bytes(names[: int(values[0])]).splitlines():
        key = tuple(orjson.loads(line))
        yield key, offset
        offset += METRICS[key[0]].width
