"""What the workers of this host count of two versions, from one look to the next.

A counter that is lower than at the last look began anew: its worker, or the whole service, was started again.
"""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from inference.rollout.tally import Tally
from service.metrics.catalogue import METRICS
from service.metrics.process_slot import folder_of_service, read_slots
from service.metrics.shared_values import Key

ROW_TIME_EDGES = METRICS["canary_row_seconds"].buckets
_COUNTED = ("prediction_requests_total", "canary_begun", "canary_row_seconds", "canary_answers")
_FAILURES = "model_load_failures_total"
_ROLES = ("stable", "canary")


class Observer:
    """The counts of this host since ``begin``."""

    def __init__(self, var_dir: Path) -> None:
        self._var_dir = var_dir
        self._last: dict[tuple[str, Key], list[float]] = {}
        self._alive: dict[tuple[str, Key], float] = {}
        self._open: dict[str, float] = {}
        self._failures: dict[str, float] = {}

    def begin(self) -> None:
        """Count from now on."""
        self._read()
        self._open.clear()

    def look(self, tallies: Mapping[str, Tally]) -> None:
        """Add what was counted since the last look to the tally of each version."""
        for (slot, key), grown in self._read().items():
            name, version = key[0], key[1]
            if (tally := tallies.get(version)) is None:
                continue
            if name == "prediction_requests_total" and key[2] in _ROLES:
                _count(tally, int(key[3]), grown[0])
                self._open[version] = self._open.get(version, 0.0) - grown[0]
            elif name == "canary_begun":
                self._open[version] = self._open.get(version, 0.0) + grown[0]
            elif name == "canary_row_seconds":
                tally.add_row_times((slot, key[2]), grown[1:])
            elif name == "canary_answers":
                tally.answers[key[2]] = tally.answers.get(key[2], 0.0) + grown[0]
        in_flight = sum(value for (_, key), value in self._alive.items() if key[0] == "http_requests_in_flight")
        for version, tally in tallies.items():
            before, tally.lost = tally.lost, max(0.0, self._open.get(version, 0.0) - in_flight)
            tally.requests += tally.lost - before

    def workers(self, version: str) -> tuple[int, int]:
        """How many worker processes have loaded ``version``, and how many have loaded any."""
        self._read_alive()
        loaded = {slot for (slot, key), value in self._alive.items() if key[0] == "model_info" and value}
        these = {slot for (slot, key), value in self._alive.items() if key[:2] == ("model_info", version) and value}
        return len(these), len(loaded)

    def could_not_load(self, version: str) -> bool:
        """Whether a worker failed to load ``version`` since the last ``look`` or ``begin``, or the first call."""
        return self._failures.get(version, 0.0) > 0

    def _read(self) -> dict[tuple[str, Key], list[float]]:
        grown: dict[tuple[str, Key], list[float]] = {}
        self._failures.clear()
        for place, values in self._read_alive().items():
            before = self._last.get(place)
            self._last[place] = values
            if before is not None and values[0] >= before[0] and all(map(float.__ge__, values, before)):
                change = [now - then for now, then in zip(values, before, strict=True)]
            else:
                change = values
            if place[1][0] == _FAILURES:
                version = place[1][1]
                self._failures[version] = self._failures.get(version, 0.0) + change[0]
            elif any(change):
                grown[place] = change
        return grown

    def _read_alive(self) -> dict[tuple[str, Key], list[float]]:
        """The counters by slot and series; the gauges of living processes are noted on the way."""
        counters: dict[tuple[str, Key], list[float]] = {}
        self._alive = {}
        with suppress(OSError):  # the service stops just now
            folder = folder_of_service(self._var_dir)
            for slot, (key, values, alive) in read_slots(folder) if folder is not None else ():
                if key[0] in _COUNTED or key[0] == _FAILURES:
                    counters[slot, key] = values
                elif alive:
                    self._alive[slot, key] = values[0]
        return counters


def _count(tally: Tally, status: int, requests: float) -> None:
    tally.requests += requests
    if status >= 500:
        tally.errors += requests
    elif status == 422:
        tally.refused += requests
