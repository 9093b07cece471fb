"""The last hour, day and week in numbers, for the dashboard: what Prometheus would store, where there is none.

They lie beside the metrics' own files: in memory where the system has such a file system, so a reboot ends them.
"""

import time
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import orjson

from service.metrics.catalogue import METRICS
from service.metrics.exposition import computed, merge
from service.metrics.process_slot import folder_for, read_folder
from service.metrics.shared_values import Key
from service.settings import Settings

EVERY_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Range:
    """``points`` snapshots, one every ``seconds``, in the file ``filename``."""

    seconds: float
    points: int
    filename: str


RANGES = {
    "1h": Range(EVERY_SECONDS, 360, "history.jsonl"),
    "24h": Range(300, 288, "history-24h.jsonl"),
    "7d": Range(1800, 336, "history-7d.jsonl"),
}
SHORTEST = "1h"
_PREDICTION_ROUTES = ("/predict", "/predict/batch")
BOUNDS = METRICS["http_request_duration_seconds"].buckets


@dataclass
class Snapshot:
    """The metrics at one time, summed over all processes. Counts are running totals, whose differences are rates."""

    time: float
    """Unix time, in seconds."""
    requests: dict[str, float] = field(default_factory=dict)
    """Answers by class of status, such as ``2xx``."""
    latency: list[float] = field(default_factory=lambda: [0.0] * (len(BOUNDS) + 1))
    """Answers to predictions in each bucket of BOUNDS; the last has no bound."""
    rows: dict[str, float] = field(default_factory=dict)
    """Predicted rows by model version."""
    drift: dict[str, dict[str, float]] = field(default_factory=dict)
    """PSI by model version and feature."""
    accuracy: dict[str, float] = field(default_factory=dict)
    """Live accuracy by model version."""
    trained: dict[str, float] = field(default_factory=dict)
    """Accuracy at training by model version."""
    models: list[dict[str, str]] = field(default_factory=list)
    """``model_version`` and ``engine`` of each loaded version."""
    gauges: dict[str, float] = field(default_factory=dict)
    """Gauges without labels, by the name of the metric."""
    records: dict[str, float] = field(default_factory=dict)
    """Records by state."""

    def add(self, name: str, labels: tuple[str, ...], values: list[float]) -> None:
        """Add one series, if the dashboard shows its metric."""
        match name:
            case "http_requests_total":
                status = f"{labels[2][0]}xx"
                self.requests[status] = self.requests.get(status, 0) + values[0]
            case "http_request_duration_seconds" if labels[0] in _PREDICTION_ROUTES:
                self.latency = [one + other for one, other in zip(self.latency, values[1:], strict=True)]
            case "predictions_total":
                self.rows[labels[0]] = self.rows.get(labels[0], 0) + values[0]
            case "feature_drift_psi":
                self.drift.setdefault(labels[0], {})[labels[1]] = values[0]
            case "model_live_accuracy":
                self.accuracy[labels[0]] = values[0]
            case "model_training_accuracy" if values[0]:
                self.trained[labels[0]] = values[0]
            case "model_info" if values[0]:
                self.models.append({"model_version": labels[0], "engine": labels[1]})
            case "records_total":
                self.records[labels[0]] = values[0]
            case "http_requests_in_flight" | "http_worker_slots" | "model_degraded" | "records_lag_seconds":
                self.gauges[name] = values[0]


def snapshot(merged: dict[Key, list[float]], now: float) -> Snapshot:
    """The merged series at the Unix time ``now``."""
    made = Snapshot(now)
    for (name, *labels), values in merged.items():
        made.add(name, tuple(labels), values)
    return made


def append(settings: Settings) -> None:
    """Add a snapshot of now to each range that is due; one process calls it every EVERY_SECONDS. Never raises."""
    folder = folder_for(settings.var_dir)
    with suppress(OSError):
        now = time.time()
        line = orjson.dumps(_snapshot_of(settings, now)) + b"\n"
        for one in RANGES.values():
            if _is_due(folder / one.filename, one.seconds, now):
                _add(folder / one.filename, line, one.points)


def read(settings: Settings, name: str = SHORTEST) -> list[Snapshot]:
    """The snapshots of a range, oldest first, then one of now."""
    lines: list[bytes] = []
    with suppress(OSError):
        lines = (folder_for(settings.var_dir) / RANGES[name].filename).read_bytes().splitlines()
    before = []
    for line in lines:
        with suppress(TypeError):  # written by another release, with other fields, before an upgrade
            before.append(Snapshot(**orjson.loads(line)))
    return [*before, _snapshot_of(settings, time.time())]


def _snapshot_of(settings: Settings, now: float) -> Snapshot:
    return snapshot(merge(chain(read_folder(folder_for(settings.var_dir)), computed(settings))), now)


def _is_due(path: Path, seconds: float, now: float) -> bool:
    """Whether the last snapshot is old enough; one of a clock that was ahead counts as old."""
    try:
        age = now - path.stat().st_mtime
    except FileNotFoundError:
        return True
    return seconds <= EVERY_SECONDS or not 0 <= age < seconds


def _add(path: Path, line: bytes, most: int) -> None:
    before = path.read_bytes().splitlines(keepends=True)[1 - most :] if path.exists() else []
    temporary = path.with_suffix(".new")
    temporary.write_bytes(b"".join([*before, line]))
    temporary.replace(path)
