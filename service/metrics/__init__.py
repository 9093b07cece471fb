"""What is counted and timed, over all workers of a host.

Called on every request: each call is a look-up and an addition in memory that all processes share (slot.py). Before
``open_metrics``, and where no shared memory can be had, a process counts for itself alone.
"""

import re
import time
from bisect import bisect_left
from collections import Counter
from contextlib import suppress
from datetime import datetime

import orjson

from service import log
from service.metrics.catalogue import METRICS
from service.metrics.cells import BOUNDS, add, observe, put, tell
from service.metrics.exposition import CONTENT_TYPE as CONTENT_TYPE
from service.metrics.exposition import render
from service.metrics.process_slot import OWN
from service.settings import Settings

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
_START = re.compile(r"(?:t=)?(\d{10})(?:\.(\d{1,6})|(\d{3})(\d{3})?)?")

GREENLETS = 1000
"""What gunicorn's worker_connections allows a gevent worker."""
_lost = 0


def prepare(settings: Settings) -> None:
    """Take the master's place among those who count; where nobody else counts yet, all begins from nought."""
    OWN.join(settings)


def open_metrics(settings: Settings) -> None:
    """Take a worker's place, after the fork; again in the same process does nothing."""
    OWN.join(settings)
    put({"gthread": settings.threads, "gevent": GREENLETS}.get(settings.worker_class, 1), "http_worker_slots")


def leave() -> None:
    """Count that a worker left; called in the master. What was true only while it lived went with its file lock."""
    add(1, "worker_exits_total")


def began(queued_since: str | None = None) -> None:
    """A request arrived; ``queued_since`` is its X-Request-Start header, in seconds, milli- or microseconds."""
    add(1, "http_requests_in_flight")
    if queued_since and (match := _START.match(queued_since)):
        whole, fraction, milli, micro = match.groups()
        start = float(f"{whole}.{fraction or (milli or '') + (micro or '') or 0}")
        waited = time.time() - start
        if -1 < waited < 3600:
            observe(max(0.0, waited), "http_queue_wait_seconds")


def answered(route: str, method: str, status: int, seconds: float) -> None:
    """Count one request that began and was answered, and its time from the first hook to the answer's bytes."""
    global _lost
    slot = OWN.slot
    places = slot.places
    flying = slot.place("http_requests_in_flight")
    key = ("http_requests_total", route, method if method in METHODS else "other", str(status))
    counted = places.get(key) or slot.place(*key)
    timed = places.get(("http_request_duration_seconds", route)) or slot.place("http_request_duration_seconds", route)
    bucket = timed + 1 + bisect_left(BOUNDS["http_request_duration_seconds"], seconds)
    cells = slot.cells
    with slot.lock:
        cells[flying] -= 1
        cells[counted] += 1
        cells[timed] += seconds
        cells[bucket] += 1
    if log.lost() != _lost:
        now = log.lost()
        add(now - _lost, "log_lines_lost_total")
        _lost = now


def prediction(model_version: str, labels: list[object], regression: bool) -> None:
    """Count the rows of one answer by predicted class; a regression's under the empty class."""
    if regression or len(labels) == 1:
        add(len(labels), "predictions_total", model_version, "" if regression else _text(labels[0]))
        return
    for label, rows in Counter(labels).items():
        add(rows, "predictions_total", model_version, _text(label))


def batch_rows(rows: int) -> None:
    """Note the size of a batch that was answered."""
    observe(rows, "prediction_batch_rows")


def phases(model_version: str, validate: float, predict: float, serialise: float) -> None:
    """Time the phases of a prediction, in seconds."""
    slot = OWN.slot
    cells, bounds = slot.cells, BOUNDS["prediction_duration_seconds"]
    first = slot.phases.get(model_version) or slot.place_phases(model_version)
    with slot.lock:
        for timed, spent in zip(first, (validate, predict, serialise), strict=True):
            cells[timed] += spent
            cells[timed + 1 + bisect_left(bounds, spent)] += 1


def invalid(fields: list[str]) -> None:
    """Count the fields that were refused; names outside the contract are already ``unknown``."""
    for field in fields:
        add(1, "validation_errors_total", field)


def refused(reason: str) -> None:
    """Count a request refused before it was read: auth, limit or size."""
    add(1, "http_requests_refused_total", reason)


def model_loaded(model_version: str, engine: str, created: str = "", accuracy: float | None = None) -> None:
    """A version was loaded and may answer. ``created`` is ISO 8601, ``accuracy`` that of the hold-out rows."""
    add(1, "model_loads_total", model_version)
    put(1, "model_info", model_version, engine)
    with suppress(ValueError):
        put(datetime.fromisoformat(created).timestamp(), "model_created_timestamp_seconds", model_version)
    if accuracy is not None:
        put(accuracy, "model_training_accuracy", model_version)


def model_unloaded(model_version: str) -> None:
    """A version was let go of."""
    for key, place in OWN.slot.items():
        if METRICS[key[0]].kind == "max" and key[0].startswith("model_") and key[1] == model_version:
            OWN.slot.cells[place] = 0.0


def model_failed(model_version: str) -> None:
    """A wanted version could not be loaded."""
    add(1, "model_load_failures_total", model_version)


def degraded(is_degraded: bool) -> None:
    """Whether this worker serves another version than the wanted one, or none."""
    put(float(is_degraded), "model_degraded")


def records(state: str, rows: int) -> None:
    """Count rows that were spooled, shipped or lost."""
    add(rows, "records_total", state)


def records_lag(seconds: float) -> None:
    """Age of the oldest record that is not in the database yet; told by the one process that ships them."""
    put(seconds, "records_lag_seconds")


def drift(model_version: str, feature: str, psi: float, alarm: bool) -> None:
    """What the last look at the live values found; told by one process."""
    tell(psi, "feature_drift_psi", model_version, feature)
    tell(float(alarm), "feature_drift_alarm", model_version, feature)


def live_accuracy(model_version: str, accuracy: float, outcomes: int) -> None:
    """What the reported outcomes say of a version; told by one process."""
    tell(accuracy, "model_live_accuracy", model_version)
    tell(outcomes, "model_live_outcomes", model_version)


def redis_away(use: str) -> None:
    """Count a use of Redis (limits or cache) that went without it, because it is away."""
    add(1, "redis_away_total", use)


def cache_looked_up(hit: bool) -> None:
    """Count a question to the cache of predictions, and whether it had the answer."""
    add(1, "prediction_cache_lookups_total", "hit" if hit else "miss")


def exposition() -> bytes:
    """Everything, over all processes, in Prometheus text format."""
    return render(OWN.read())


def _text(label: object) -> str:
    return label if isinstance(label, str) else orjson.dumps(label).decode()
