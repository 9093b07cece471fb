"""The last hour in numbers, for the dashboard: what Prometheus would store, where there is none."""

import time
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain

import orjson

from service.metrics.catalogue import METRICS
from service.metrics.exposition import computed, merge
from service.metrics.process_slot import folder_for, read_folder
from service.metrics.shared_values import Key
from service.settings import Settings

EVERY_SECONDS = 10.0
POINTS = 360
"""One hour of snapshots."""
_FILE = "history.jsonl"
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
    """Add a snapshot of now to the file; one process calls it every EVERY_SECONDS. Never raises."""
    folder = folder_for(settings.var_dir)
    path = folder / _FILE
    with suppress(OSError):
        line = orjson.dumps(snapshot(merge(chain(read_folder(folder), computed(settings))), time.time())) + b"\n"
        before = path.read_bytes().splitlines(keepends=True)[1 - POINTS :] if path.exists() else []
        temporary = folder / f"{_FILE}.new"
        temporary.write_bytes(b"".join([*before, line]))
        temporary.replace(path)


def read(settings: Settings) -> list[Snapshot]:
    """The snapshots of the last hour, oldest first, then one of now."""
    folder = folder_for(settings.var_dir)
    lines: list[bytes] = []
    with suppress(OSError):
        lines = (folder / _FILE).read_bytes().splitlines()
    before = []
    for line in lines:
        with suppress(TypeError):  # written by another release, with other fields, before an upgrade
            before.append(Snapshot(**orjson.loads(line)))
    return [*before, snapshot(merge(chain(read_folder(folder), computed(settings))), time.time())]
