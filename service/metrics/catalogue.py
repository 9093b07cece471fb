"""Every metric there is: one table of name, kind, labels, meaning. docs/observability.md lists the same, by a test."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "histogram", "sum", "max", "latest"]
"""A gauge is, over the processes that live, their ``sum`` or ``max``; or what any process said ``latest``."""

_LATENCY = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.125, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_PHASE = (0.00001, 0.000025, 0.00005, 0.0001, 0.00025, *_LATENCY)
_ROWS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0, 10000.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """One row; ``buckets`` are the inclusive upper bounds of a histogram, the last, infinity, understood."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def width(self) -> int:
        """Cells one series takes: its value, or that and its time, or the sum and a count for each bucket."""
        return {"histogram": len(self.buckets) + 2, "latest": 2}.get(self.kind, 1)


_METRICS = (
    Metric("http_requests_total", "counter", "Requests answered.", ("route", "method", "status")),
    Metric(
        "http_request_duration_seconds",
        "histogram",
        "Time from the first hook to the answer's bytes.",
        ("route",),
        _LATENCY,
    ),
    Metric("http_requests_in_flight", "sum", "Requests being worked on now."),
    Metric("http_worker_slots", "sum", "Requests that can be worked on at once: the threads of all workers."),
    Metric(
        "http_queue_wait_seconds",
        "histogram",
        "Time from a proxy's X-Request-Start to the first hook: the wait for a free worker.",
        (),
        _LATENCY,
    ),
    Metric("http_requests_refused_total", "counter", "Requests refused by auth, limit or size.", ("reason",)),
    Metric("predictions_total", "counter", "Rows predicted, by class.", ("model_version", "prediction")),
    Metric(
        "prediction_duration_seconds",
        "histogram",
        "Time of each phase of a prediction.",
        ("model_version", "phase"),
        _PHASE,
    ),
    Metric("prediction_batch_rows", "histogram", "Rows of a batch.", (), _ROWS),
    Metric("validation_errors_total", "counter", "Fields that were refused.", ("field",)),
    Metric("model_info", "max", "1 for each version that is loaded.", ("model_version", "engine")),
    Metric("model_created_timestamp_seconds", "max", "When a loaded version was trained.", ("model_version",)),
    Metric("model_loads_total", "counter", "Loads of a version that succeeded, one a worker.", ("model_version",)),
    Metric("model_load_failures_total", "counter", "Loads of a version that failed.", ("model_version",)),
    Metric("model_degraded", "sum", "Workers that serve another version than the wanted one, or none."),
    Metric("records_total", "counter", "Records by what became of them.", ("state",)),
    Metric("records_lag_seconds", "max", "Age of the oldest record that is not in the database yet."),
    Metric("feature_drift_psi", "latest", "PSI of live values against training.", ("model_version", "feature")),
    Metric(
        "feature_drift_alarm", "latest", "1 where a feature's drift is judged an alarm.", ("model_version", "feature")
    ),
    Metric("model_live_accuracy", "latest", "Share of the reported outcomes that were predicted.", ("model_version",)),
    Metric("model_live_outcomes", "latest", "Reported outcomes that live accuracy stands on.", ("model_version",)),
    Metric("model_training_accuracy", "max", "Accuracy on the hold-out rows at training.", ("model_version",)),
    Metric("redis_away_total", "counter", "Uses of Redis that went without it, because it was away.", ("use",)),
    Metric("prediction_cache_lookups_total", "counter", "Questions to the cache of predictions.", ("result",)),
    Metric("worker_exits_total", "counter", "Workers that left, for whatever reason."),
    Metric("log_lines_lost_total", "counter", "Log lines that standard output would not take."),
    Metric("metrics_series_dropped_total", "counter", "Series that found no room; their counts are not kept."),
)
PHASES = ("validate", "predict", "serialise")
"""Of a prediction, in the order in which they come."""
METRICS = {metric.name: metric for metric in _METRICS}
FROM_THE_START = (
    ("http_requests_refused_total", "auth"),
    ("http_requests_refused_total", "limit"),
    ("http_requests_refused_total", "size"),
    ("http_requests_in_flight",),
    ("records_total", "spooled"),
    ("records_total", "shipped"),
    ("records_total", "lost"),
    ("worker_exits_total",),
    ("log_lines_lost_total",),
    ("metrics_series_dropped_total",),
)
"""Told as 0 before anything is counted: Prometheus sees no increase in a series that begins at 1."""
