"""One look at drift and live accuracy, told to the metrics: ``python -m service.records.monitor``.

Short-lived, started by the shipper every MONITOR_SECONDS, so once a host: what reading the records needs is in nobody's
memory between two looks, and no worker's time goes into it.
"""

import os
import subprocess
import time
from datetime import UTC, datetime, timedelta

from schemas.errors import StoreUnavailable
from service import log, metrics
from service.metrics import history
from service.processes import idle
from service.records.shipper.supervisor import run_module
from service.settings import Settings


class Monitor:
    """Starts a look whenever one is due and the last one is over."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._due = time.monotonic() + settings.monitor_seconds
        self._sample_due = 0.0
        self._looking: subprocess.Popen[bytes] | None = None

    def tick(self) -> None:
        """Called often; cheap where nothing is due."""
        if time.monotonic() >= self._sample_due:
            self._sample_due = time.monotonic() + history.EVERY_SECONDS
            history.append(self._settings)
        if self._looking is not None and self._looking.poll() is not None:
            self._looking = None
        if self._settings.monitor_seconds and self._looking is None and time.monotonic() >= self._due:
            self._due = time.monotonic() + self._settings.monitor_seconds
            try:
                self._looking = run_module("service.records.database.monitor", self._settings)
            except OSError as exc:
                log.error("monitor_not_started", reason=os.strerror(exc.errno or 0))


def look(settings: Settings, until: datetime) -> None:
    """Tell the metrics the drift and the accuracy of every version that predicted within DRIFT_HOURS.

    Raises:
        StoreUnavailable: there is no database now.
    """
    from service.records.database.drift import drift  # SQLAlchemy and numpy, which the shipper does without
    from service.records.database.performance import performance

    since = until - timedelta(hours=settings.drift_hours)
    for version in drift(settings, since, until, seconds=None):
        for one in (*version.features, version.prediction):
            if one is not None and one.psi is not None:
                metrics.drift(
                    version.model_version,
                    "$prediction" if one is version.prediction else one.name,
                    one.psi,
                    one.verdict == "alarm",
                )
    for told in performance(settings, since, until, seconds=None):
        if told.get("accuracy") is not None:
            metrics.live_accuracy(told["model_version"], told["accuracy"], told["outcomes"])


def main() -> None:
    """Look once."""
    idle()
    settings = Settings.read(os.environ)
    log.configure(settings)
    metrics.prepare(settings)
    try:
        look(settings, datetime.now(UTC))
    except StoreUnavailable:
        log.warning("monitor_skipped", reason="the records' database does not answer")


if __name__ == "__main__":
    main()
