"""The last hour in figures, for the dashboard: what Prometheus would keep, where there is none."""

import time
from contextlib import suppress
from typing import Any

import orjson

from service.metrics import slot_files
from service.metrics.catalogue import METRICS
from service.metrics.exposition import merge
from service.metrics.shared_values import Key
from service.settings import Settings

EVERY_SECONDS = 10.0
KEPT = 360
"""An hour of them."""
_FILE = "history.jsonl"
_PREDICTING = ("/predict", "/predict/batch")
BOUNDS = METRICS["http_request_duration_seconds"].buckets


def summary(merged: dict[Key, list[float]], now: float) -> dict[str, Any]:
    """What the dashboard draws: running totals, whose differences are rates, and the gauges as they are.

    ``latency`` counts the answers to predictions in each bucket of BOUNDS, the last without bound.
    """
    told: dict[str, Any] = {"time": now, "requests": {}, "latency": [0.0] * (len(BOUNDS) + 1), "rows": {}}
    told |= {"drift": {}, "accuracy": {}, "trained": {}, "models": [], "gauges": {}, "records": {}}
    for (name, *labels), values in merged.items():
        match name:
            case "http_requests_total":
                status = f"{labels[2][0]}xx"
                told["requests"][status] = told["requests"].get(status, 0) + values[0]
            case "http_request_duration_seconds" if labels[0] in _PREDICTING:
                told["latency"] = [one + other for one, other in zip(told["latency"], values[1:], strict=True)]
            case "predictions_total":
                told["rows"][labels[0]] = told["rows"].get(labels[0], 0) + values[0]
            case "feature_drift_psi":
                told["drift"].setdefault(labels[0], {})[labels[1]] = values[0]
            case "model_live_accuracy":
                told["accuracy"][labels[0]] = values[0]
            case "model_training_accuracy" if values[0]:
                told["trained"][labels[0]] = values[0]
            case "model_info" if values[0]:
                told["models"].append({"model_version": labels[0], "engine": labels[1]})
            case "records_total":
                told["records"][labels[0]] = values[0]
            case "http_requests_in_flight" | "http_worker_slots" | "model_degraded" | "records_lag_seconds":
                told["gauges"][name] = values[0]
    return told


def append(settings: Settings) -> None:
    """Note how things stand; called every EVERY_SECONDS by the one process that does so. Never raises."""
    folder = slot_files.folder_for(settings.var_dir)
    path = folder / _FILE
    with suppress(OSError):
        line = orjson.dumps(summary(merge(slot_files.read(folder)), time.time())) + b"\n"
        before = path.read_bytes().splitlines(keepends=True)[1 - KEPT :] if path.exists() else []
        aside = folder / f"{_FILE}.new"
        aside.write_bytes(b"".join([*before, line]))
        aside.replace(path)


def read(settings: Settings) -> list[dict[str, Any]]:
    """The last hour, oldest first, and how things stand now."""
    folder = slot_files.folder_for(settings.var_dir)
    lines: list[bytes] = []
    with suppress(OSError):
        lines = (folder / _FILE).read_bytes().splitlines()
    return [*(orjson.loads(line) for line in lines), summary(merge(slot_files.read(folder)), time.time())]
