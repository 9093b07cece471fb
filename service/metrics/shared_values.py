"""One process's share of the counts: cells of shared memory, and the names of what they hold.

In place of prometheus_client's own multi-process values, which cost more than twice as much a request (ARCHITECTURE.md,
"One count"). They are preallocated, so that a full disk cannot kill a process (SIGBUS) that writes to them.

Layout: ``CELLS`` float64, then ``NAMES`` bytes of JSON lines ``[metric, label value, ...]``. Series take their cells in
the order of their lines, from cell ``FIRST``. Cell 0 tells how many bytes of names are complete, cell 1 the process id.
An aligned float64 is written in one piece, so a reader in another process needs no lock.
"""

import mmap
from collections.abc import Iterator
from threading import Lock

import orjson

from service.metrics.catalogue import FROM_THE_START, METRICS, PHASES

CELLS, NAMES, FIRST, _SPARE = 32_768, 131_072, 2, 32
SIZE = CELLS * 8 + NAMES
Key = tuple[str, ...]


class Slot:
    """Cells of one process; ``lock`` is held around what adds to them, ``places`` is where each series begins."""

    def __init__(self, memory: mmap.mmap) -> None:
        self.lock = Lock()
        self.cells = memoryview(memory)[: CELLS * 8].cast("d")
        self._names = memoryview(memory)[CELLS * 8 :]
        self.places: dict[Key, int] = {}
        self.phases: dict[str, tuple[int, ...]] = {}
        self._next = FIRST
        for key, place in series(self.cells, self._names):
            self.places[key] = place
            self._next = place + METRICS[key[0]].width
        for begun in FROM_THE_START:
            self.place(*begun)
        self._dropped = self.place("metrics_series_dropped_total")

    def adopt(self, pid: int) -> None:
        """Go on counting where the process that had the slot before stopped; its gauges died with it."""
        for key, place in self.places.items():
            if METRICS[key[0]].kind in ("sum", "max"):
                self.cells[place] = 0.0
        self.cells[1] = pid

    def place(self, *key: str) -> int:
        """The first cell of a series: its metric's name, then its label values; made where it is new."""
        return self.places.get(key) or self._make(key)

    def place_phases(self, model_version: str) -> tuple[int, ...]:
        """The first cells of a version's phases, in their order; looked up together, since they are told together."""
        found = tuple(self.place("prediction_duration_seconds", model_version, phase) for phase in PHASES)
        self.phases[model_version] = found
        return found

    def items(self) -> Iterator[tuple[Key, int]]:
        """Every series and its first cell."""
        yield from tuple(self.places.items())

    def add(self, other: "Slot") -> None:
        """Count here what was counted in ``other``."""
        for key, place in other.items():
            metric, own = METRICS[key[0]], self.place(*key)
            for offset in range(metric.width):
                before = 0.0 if metric.kind in ("sum", "max", "latest") else self.cells[own + offset]
                self.cells[own + offset] = before + other.cells[place + offset]

    def _make(self, key: Key) -> int:
        with self.lock:
            if key in self.places:
                return self.places[key]
            line = orjson.dumps(key) + b"\n"
            used, place = int(self.cells[0]), self._next
            if place + METRICS[key[0]].width > CELLS - _SPARE or used + len(line) > NAMES:
                # No room: what is counted goes to the spare cells at the end, which nobody reads.
                self.places[key] = CELLS - _SPARE
                self.cells[self._dropped] += 1
                return CELLS - _SPARE
            self._names[used : used + len(line)] = line
            self.cells[0] = used + len(line)
            self._next = place + METRICS[key[0]].width
            self.places[key] = place
            return place


def series(cells: "memoryview[float]", names: "memoryview[int] | bytes") -> Iterator[tuple[Key, int]]:
    """Every series of a slot with its first cell, whoever writes to it meanwhile."""
    place = FIRST
    for line in bytes(names[: int(cells[0])]).splitlines():
        key = tuple(orjson.loads(line))
        yield key, place
        place += METRICS[key[0]].width
