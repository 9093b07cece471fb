"""What is counted and set for each version: loads, drift, live accuracy, and whether the wanted one is served."""

import time
from contextlib import suppress
from datetime import datetime

from service import metrics
from service.metrics.catalogue import METRICS

PREDICTION = "$prediction"
"""The label of the prediction's own drift, in the place of a feature."""


def loaded(model_version: str, engine: str, created: str = "", accuracy: float | None = None) -> None:
    """A version was loaded. ``created`` is ISO 8601, ``accuracy`` a share of the hold-out rows."""
    metrics.add(1, "model_loads_total", model_version)
    metrics.set_gauge(1, "model_info", model_version, engine)
    with suppress(ValueError):
        metrics.set_gauge(datetime.fromisoformat(created).timestamp(), "model_created_timestamp_seconds", model_version)
    if accuracy is not None:
        metrics.set_gauge(accuracy, "model_training_accuracy", model_version)


def unloaded(model_version: str) -> None:
    """A version is no longer loaded: its gauges end."""
    shared = metrics.PROCESS.shared
    for key, offset in shared.items():
        if METRICS[key[0]].kind == "max" and key[0].startswith("model_") and key[1] == model_version:
            shared.values[offset] = 0.0


def failed(model_version: str) -> None:
    """Count a wanted version that could not be loaded."""
    metrics.add(1, "model_load_failures_total", model_version)


def degraded(is_degraded: bool, by_copy: bool = False) -> None:
    """Set whether this worker serves another version than the wanted one, or none; ``by_copy``: the last good copy."""
    metrics.set_gauge(float(is_degraded), "model_degraded")
    metrics.set_gauge(float(is_degraded and by_copy), "model_last_good_served")


def drift(model_version: str, feature: str | None, psi: float, alarm: bool) -> None:
    """Set the drift of a feature, or, with None, of the prediction; called by the monitoring process.

    The prediction's own label is ``$prediction``. A feature of that name, with any number of dollars, gets one more.
    """
    if feature is None:
        feature = PREDICTION
    elif feature.startswith("$") and feature.lstrip("$") == PREDICTION[1:]:
        feature = "$" + feature
    _set_latest(psi, "feature_drift_psi", model_version, feature)
    _set_latest(float(alarm), "feature_drift_alarm", model_version, feature)


def live_accuracy(model_version: str, accuracy: float, outcomes: int) -> None:
    """Set the accuracy on reported outcomes, and their number; called by the monitoring process."""
    _set_latest(accuracy, "model_live_accuracy", model_version)
    _set_latest(outcomes, "model_live_outcomes", model_version)


def _set_latest(value: float, *key: str) -> None:
    """Set a gauge of which the latest value counts, whichever process set it."""
    shared = metrics.PROCESS.shared
    offset = shared.offset(*key)
    shared.values[offset], shared.values[offset + 1] = value, time.time()
