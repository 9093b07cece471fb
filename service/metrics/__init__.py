"""What is counted and timed, over all workers of a host. Safe to call from any thread.

These functions are called on every request: each is a look-up and an addition in memory that the processes share
(shared_values.py). Before ``open_metrics``, and where there can be no shared memory, a process counts for itself.

Metrics are of a process, not of an application: two applications in one process count into the same values, in the
VAR_DIR of the one that called ``open_metrics`` last.
"""

import re
import sys
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from itertools import chain
from typing import Any

import orjson

from service import log
from service.metrics.catalogue import METRICS
from service.metrics.exposition import CONTENT_TYPE as CONTENT_TYPE
from service.metrics.exposition import computed, render
from service.metrics.process_slot import PROCESS as PROCESS
from service.settings import Settings

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
BOUNDS = {metric.name: metric.buckets for metric in METRICS.values()}
"""The upper bounds of each histogram's buckets."""
_REQUEST_START = re.compile(r"(?:t=)?(\d{10})(?:\.(\d{1,6})|(\d{3})(\d{3})?)?")
_REQUEST_SECONDS, _PHASE_SECONDS = BOUNDS["http_request_duration_seconds"], BOUNDS["prediction_duration_seconds"]
_counted_lost = 0


def prepare(settings: Settings) -> None:
    """Take a slot for a process that is no worker; where no other process counts yet, all counters begin at zero."""
    PROCESS.join(settings)


def open_metrics(settings: Settings) -> None:
    """Take a slot for a worker, after the fork; again in the same process does nothing."""
    PROCESS.join(settings)


def worker_slots(count: int | None) -> None:
    """Set how many requests this worker can handle at once; None, for unknown, leaves the gauge unset."""
    PROCESS.knows_worker_slots = True
    if count is not None:
        set_gauge(count, "http_worker_slots")


def worker_slots_of(environ: Mapping[str, Any]) -> int | None:
    """How many requests the server behind a WSGI environ handles at once in this process; None where it does not say.

    uWSGI and mod_wsgi say it in modules of theirs. Of other servers only one that is not threaded is known to handle
    one; gevent's own server says that it is not threaded, and handles many.
    """
    for name, attribute in (("uwsgi", "cores"), ("mod_wsgi", "threads_per_process")):
        if f"{name}.version" in environ and isinstance(count := getattr(sys.modules.get(name), attribute, None), int):
            return count
    is_gevent = str(environ.get("SERVER_SOFTWARE", "")).startswith("gevent")
    return None if environ.get("wsgi.multithread", True) or is_gevent else 1


def leave() -> None:
    """Count a worker that ended; called in the master. The gauges of that worker ended with its file lock."""
    add(1, "worker_exits_total")


def left_in_order() -> None:
    """Count a worker that ends as it should: it was asked to, or has answered its number of requests."""
    add(1, "worker_exits_in_order_total")


def began(queued_since: str | None = None) -> None:
    """Count a request that arrived. ``queued_since`` is its X-Request-Start: Unix time in seconds, ms or us."""
    shared = PROCESS.shared
    with shared.lock:
        shared.values[shared.in_flight] += 1
    if queued_since and (match := _REQUEST_START.match(queued_since)):
        whole, fraction, milli, micro = match.groups()
        start = float(f"{whole}.{fraction or (milli or '') + (micro or '') or 0}")
        waited = time.time() - start
        if -1 < waited < 3600:
            _observe(max(0.0, waited), "http_queue_wait_seconds")


def answered(route: str, method: str, status: int, seconds: float) -> None:
    """Count one request that began and was answered, and its time from the first hook to the answer's bytes."""
    global _counted_lost
    shared = PROCESS.shared
    values, offsets = shared.values, shared.offsets
    key = ("http_requests_total", route, method if method in METHODS else "other", str(status))
    counter = offsets.get(key) or shared.offset(*key)
    timer = offsets.get(("http_request_duration_seconds", route))
    timer = timer or shared.offset("http_request_duration_seconds", route)
    bucket = timer + 1 + bisect_left(_REQUEST_SECONDS, seconds)
    with shared.lock:
        values[shared.in_flight] -= 1
        values[counter] += 1
        values[timer] += seconds
        values[bucket] += 1
    if (lost := log.lost()) != _counted_lost:
        add(lost - _counted_lost, "log_lines_lost_total")
        _counted_lost = lost


def prediction(model_version: str, labels: list[object], regression: bool) -> None:
    """Count the rows of one answer by predicted class; a regression's under the empty class."""
    if regression or len(labels) == 1:
        add(len(labels), "predictions_total", model_version, "" if regression else _text(labels[0]))
        return
    for label, rows in Counter(labels).items():
        add(rows, "predictions_total", model_version, _text(label))


def batch_rows(rows: int) -> None:
    """Count a batch that was answered, by its size."""
    _observe(rows, "prediction_batch_rows")


def phases(model_version: str, role: str, validate: float, predict: float, serialise: float) -> None:
    """Count a request that a version answered in a role, and time its phases, in seconds."""
    shared = PROCESS.shared
    values = shared.values
    timers = shared.phase_offsets.get(model_version) or shared.offsets_of_phases(model_version)
    key = ("prediction_requests_total", model_version, role, "200")
    counter = shared.offsets.get(key) or shared.offset(*key)
    with shared.lock:
        values[counter] += 1
        for timer, seconds in zip(timers, (validate, predict, serialise), strict=True):
            values[timer] += seconds
            values[timer + 1 + bisect_left(_PHASE_SECONDS, seconds)] += 1


def prediction_failed(model_version: str, role: str, status: int) -> None:
    """Count a request that a version did not answer, by the status of the error."""
    add(1, "prediction_requests_total", model_version, role, str(status))


def canary_began(model_version: str) -> None:
    """Count a request that a version begins to answer, while there is a canary: it may never end."""
    add(1, "canary_begun", model_version)


def canary_compared(model_version: str, labels: list[object], regression: bool, seconds: float | None) -> None:
    """Count an answer for the comparison of stable and canary; ``seconds`` of the engine, None where a cache answered.

    Each request counts once, a batch by the shares of its classes: rows of one batch are no independent witnesses.
    """
    rows = len(labels)
    if seconds is not None:
        size = "1" if rows == 1 else "2-99" if rows < 100 else "100+"
        _observe(seconds / rows, "canary_row_seconds", model_version, size)
    if not regression:
        for label, count in Counter(labels).items():
            add(count / rows, "canary_answers", model_version, _text(label))


def overloaded(route: str, method: str) -> None:
    """Count a request that was refused since it would have waited too long; it is not timed, so no percentile falls."""
    add(1, "http_requests_total", route, method if method in METHODS else "other", "503")
    add(1, "http_requests_refused_total", "overload")


def invalid(fields: list[str]) -> None:
    """Count the fields that were refused; the caller has replaced names outside the contract by ``unknown``."""
    for field in fields:
        add(1, "validation_errors_total", field)


def unseen_category(feature: str, rows: int) -> None:
    """Count rows that were answered with a value of a category that training did not see."""
    add(rows, "unseen_categories_total", feature)


def refused(reason: str) -> None:
    """Count a request refused before it was read: auth, limit, size or overload."""
    add(1, "http_requests_refused_total", reason)


def records(state: str, rows: int) -> None:
    """Count rows that were spooled, shipped or lost."""
    add(rows, "records_total", state)


def records_losing(losing: bool) -> None:
    """Set whether this worker's last record could not be written."""
    set_gauge(float(losing), "records_losing")


def total(name: str) -> float:
    """A gauge without labels, over all processes."""
    return sum(values[0] for key, values, alive in PROCESS.read() if alive and key == (name,))


def records_unavailable(reason: str) -> None:
    """Count a request that the records' database did not answer: ``away``, ``open`` (the breaker), ``too_long``."""
    add(1, "records_unavailable_total", reason)


def redis_skipped(use: str, slow: bool) -> None:
    """Count a use of Redis (limits or cache) that was skipped because it was slow, or could not be reached."""
    add(1, "redis_slow_total" if slow else "redis_away_total", use)


def cache_looked_up(hit: bool) -> None:
    """Count a look-up in the cache of predictions, by whether it found one."""
    add(1, "prediction_cache_lookups_total", "hit" if hit else "miss")


def exposition(settings: Settings | None = None) -> bytes:
    """The metrics of all processes in Prometheus text format; with settings also what is computed from the spool."""
    return render(chain(PROCESS.read(), computed(settings) if settings else ()))


def add(amount: float, *key: str) -> None:
    """Add to a counter. A key is the metric's name, then its label values."""
    shared = PROCESS.shared
    offset = shared.offsets.get(key) or shared.offset(*key)
    with shared.lock:
        shared.values[offset] += amount


def _observe(value: float, *key: str) -> None:
    """Count a value in its bucket of a histogram."""
    shared = PROCESS.shared
    offset = shared.offsets.get(key) or shared.offset(*key)
    bucket = offset + 1 + bisect_left(BOUNDS[key[0]], value)
    with shared.lock:
        shared.values[offset] += value
        shared.values[bucket] += 1


def set_gauge(value: float, *key: str) -> None:
    """Set this process's share of a gauge."""
    PROCESS.shared.values[PROCESS.shared.offset(*key)] = value


def _text(label: object) -> str:
    return label if isinstance(label, str) else orjson.dumps(label).decode()
