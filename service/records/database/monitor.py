"""Measures drift and live accuracy for the metrics: ``python -m service.records.database.monitor``.

The shipper starts this process every MONITOR_SECONDS, so there is one a host. It ends after one measurement: the
libraries that read the records take no memory in between, and no time of a worker.
"""

import os
import subprocess
import time
from datetime import UTC, datetime, timedelta

from schemas.errors import StoreUnavailable
from service import log, metrics, priority
from service.metrics import history, versions
from service.records.shipper.supervisor import run_module
from service.settings import Settings


class Monitor:
    """Starts a measurement when one is due and the last one is over."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._due = time.monotonic() + settings.monitor_seconds
        self._sample_due = 0.0
        self._running: subprocess.Popen[bytes] | None = None

    def tick(self) -> None:
        """Call it often: it is cheap where nothing is due."""
        if time.monotonic() >= self._sample_due:
            self._sample_due = time.monotonic() + history.EVERY_SECONDS
            history.append(self._settings)
        if self._running is not None and self._running.poll() is not None:
            self._running = None
        if self._settings.monitor_seconds and self._running is None and time.monotonic() >= self._due:
            self._due = time.monotonic() + self._settings.monitor_seconds
            try:
                self._running = run_module("service.records.database.monitor", self._settings)
            except OSError as exc:
                log.error("monitor_not_started", reason=os.strerror(exc.errno or 0))


def measure(settings: Settings, until: datetime) -> None:
    """Set the metrics of drift and accuracy for every version that predicted within DRIFT_HOURS before ``until``.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    # They import SQLAlchemy and numpy, which the shipper does without.
    from inference.performance import ClassificationPerformance
    from service.records.database.analysis import drift, performance

    since = until - timedelta(hours=settings.drift_hours)
    for version in drift(settings, since, until, seconds=None):
        for one in (*version.features, version.prediction):
            if one is not None and one.psi is not None:
                versions.drift(
                    version.model_version,
                    None if one is version.prediction else one.name,
                    one.psi,
                    one.verdict == "alarm",
                )
    for live in performance(settings, since, until, seconds=None):
        measures = live.measures
        if isinstance(measures, ClassificationPerformance) and measures.accuracy is not None:
            versions.live_accuracy(live.model_version, measures.accuracy, measures.outcomes)


def main() -> None:
    """Measure once."""
    priority.idle()
    settings = Settings.read(os.environ)
    log.configure(settings)
    metrics.prepare(settings)
    try:
        measure(settings, datetime.now(UTC))
    except StoreUnavailable:
        log.warning("monitor_skipped", reason="the records' database does not answer")


if __name__ == "__main__":
    main()
