"""Every metric in one table: name, kind, help, labels. A test holds docs/observability.md to it."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "histogram", "sum", "max", "latest"]
"""A gauge is the ``sum`` or the ``max`` over the living processes, or the ``latest`` value that any process set."""
GAUGES_OF_THE_LIVING = ("sum", "max")
"""These end with their process."""

_LATENCY = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.125, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_PHASE = (0.00001, 0.000025, 0.00005, 0.0001, 0.00025, *_LATENCY)
_ROW_TIME = tuple(float(f"{10 ** (power / 20):.4g}") for power in range(-120, 1))
"""From 1 us to 1 s in steps of 12 %: a median is known to some percent."""
_ROWS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0, 10000.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """One row; ``buckets`` are the inclusive upper bounds of a histogram, without the last, infinity.

    A metric that is not ``exposed`` is for ``flask models rollout`` and not in GET /metrics.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    exposed: bool = True

    @property
    def width(self) -> int:
        """Numbers that one series takes: its value; a latest value and its time; a sum and a count for each bucket."""
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
    Metric("http_requests_in_flight", "sum", "Requests being handled now."),
    Metric("http_worker_slots", "sum", "Requests that all workers together can handle at once."),
    Metric(
        "http_queue_wait_seconds",
        "histogram",
        "Time from a proxy's X-Request-Start to the first hook: the wait for a free worker.",
        (),
        _LATENCY,
    ),
    Metric("http_requests_refused_total", "counter", "Requests refused by auth, limit, size or overload.", ("reason",)),
    Metric("predictions_total", "counter", "Rows predicted, by class.", ("model_version", "prediction")),
    Metric(
        "prediction_duration_seconds",
        "histogram",
        "Time of each phase of a prediction.",
        ("model_version", "phase"),
        _PHASE,
    ),
    Metric(
        "prediction_requests_total",
        "counter",
        "Requests that a version answered or failed to, by its role: stable, canary or requested.",
        ("model_version", "role", "status"),
    ),
    Metric("canary_begun", "counter", "Requests begun while there is a canary.", ("model_version",), exposed=False),
    Metric(
        "canary_row_seconds",
        "histogram",
        "The engine's time a row while there is a canary, by the size of the request.",
        ("model_version", "rows"),
        _ROW_TIME,
        exposed=False,
    ),
    Metric(
        "canary_answers",
        "counter",
        "Shares of predicted classes in each request, added up, while there is a canary.",
        ("model_version", "prediction"),
        exposed=False,
    ),
    Metric("rollout_share", "max", "Share of the requests that the version of a rollout has.", ("model_version",)),
    Metric(
        "rollout_phase_timestamp_seconds",
        "max",
        "When the last rollout came to its phase: running, interrupted, too_little_traffic, went_back, arrived.",
        ("model_version", "phase"),
    ),
    Metric("prediction_batch_rows", "histogram", "Rows of a batch.", (), _ROWS),
    Metric("validation_errors_total", "counter", "Fields that were refused.", ("field",)),
    Metric(
        "unseen_categories_total",
        "counter",
        "Rows answered with a category that training did not see, which the contract accepts.",
        ("feature",),
    ),
    Metric("model_info", "max", "1 for each version that is loaded.", ("model_version", "engine")),
    Metric("model_created_timestamp_seconds", "max", "When a loaded version was trained.", ("model_version",)),
    Metric("model_loads_total", "counter", "Loads of a version that succeeded, one a worker.", ("model_version",)),
    Metric("model_load_failures_total", "counter", "Loads of a version that failed.", ("model_version",)),
    Metric("model_degraded", "sum", "Workers that serve another version than the wanted one, or none."),
    Metric("model_last_good_served", "sum", "Workers that serve the copy of the last good version in VAR_DIR."),
    Metric("var_dir_free_bytes", "max", "Bytes that are free on the disk of VAR_DIR."),
    Metric("records_total", "counter", "Records by their state: spooled, shipped or lost.", ("state",)),
    Metric("records_lag_seconds", "max", "Age of the oldest record that is not in the database yet."),
    Metric(
        "records_unavailable_total",
        "counter",
        "Requests that the records' database did not answer: away, open (the breaker), too_long or refused.",
        ("reason",),
    ),
    Metric("records_pending_bytes", "max", "Size of the records that are not in the database yet."),
    Metric("records_losing", "sum", "Workers whose last record could not be written."),
    Metric("feature_drift_psi", "latest", "PSI of live values against training.", ("model_version", "feature")),
    Metric("feature_drift_alarm", "latest", "1 where a feature's drift is an alarm.", ("model_version", "feature")),
    Metric("model_live_accuracy", "latest", "Share of the reported outcomes that were predicted.", ("model_version",)),
    Metric("model_live_outcomes", "latest", "Reported outcomes behind the live accuracy.", ("model_version",)),
    Metric("model_training_accuracy", "max", "Accuracy on the hold-out rows at training.", ("model_version",)),
    Metric("redis_away_total", "counter", "Uses of Redis that were skipped because it could not be reached.", ("use",)),
    Metric("redis_slow_total", "counter", "Uses of Redis that were skipped because it answered slowly.", ("use",)),
    Metric("prediction_cache_lookups_total", "counter", "Lookups in the cache of predictions.", ("result",)),
    Metric("worker_exits_total", "counter", "Workers that ended, for any reason."),
    Metric("worker_exits_in_order_total", "counter", "Workers that were asked to end, or had answered their requests."),
    Metric("log_lines_lost_total", "counter", "Log lines that could not be written to standard output."),
    Metric("metrics_series_dropped_total", "counter", "Series for which there was no room; they are not counted."),
)
PHASES = ("validate", "predict", "serialise")
"""Of a prediction, in their order."""
METRICS = {metric.name: metric for metric in _METRICS}
INITIAL_SERIES = (
    ("http_requests_refused_total", "auth"),
    ("http_requests_refused_total", "limit"),
    ("http_requests_refused_total", "size"),
    ("http_requests_refused_total", "overload"),
    ("http_requests_in_flight",),
    ("records_total", "spooled"),
    ("records_total", "shipped"),
    ("records_total", "lost"),
    ("worker_exits_total",),
    ("worker_exits_in_order_total",),
    ("log_lines_lost_total",),
    ("metrics_series_dropped_total",),
)
"""Exposed as 0 before anything is counted: Prometheus sees no increase in a series that begins at 1."""
