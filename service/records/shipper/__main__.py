"""The shipper: a process that loads the spool into the database; ``python -m service.records.shipper``.

One a host, elected by a file lock. It may be killed at any time: rows that it had written without noting the offset are
offered again by the next shipper, and refused by their key.
"""

import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

from service import log, metrics, priority
from service.locks import open_lock, try_lock
from service.records.database.monitor import Monitor
from service.records.shipper import sinks
from service.records.shipper.loader import Loader, Outage
from service.records.shipper.retention import Retention
from service.records.shipper.sinks import Sink, connect
from service.records.shipper.supervisor import INHERITED_LOCK, fingerprint
from service.records.spool.files import SHIPPER_LOCK, TEMP_SUFFIX, count, pending_bytes, spool_folder, write_shipper
from service.settings import Settings

POLL_SECONDS = 0.2
LINGER_SECONDS = 2.0
"""How long it waits for a writer to come (back) before it leaves."""
MAX_PAUSE_SECONDS = 5.0
"""The longest pause between two attempts to reach a database that is away."""
HANG_SECONDS = 60.0
"""A pass in which the database takes nothing for so long is interrupted."""
STUCK_SECONDS = HANG_SECONDS + sinks.MIGRATION_SECONDS
"""A pass in which nothing happens for so long will never end: the process no longer beats, and is replaced."""


class Shipper:
    """The loop of the process. ``lock`` is the descriptor of the lock that it holds."""

    def __init__(self, settings: Settings, folder: Path, lock: int) -> None:
        self._settings = settings
        self._folder = folder
        self._lock = lock
        self._loader = Loader(folder)
        self._stopping = False
        self._sink: Sink | None = None
        self._failing_since = 0.0
        self._pause = POLL_SECONDS
        self._retention = Retention(settings, folder)
        self._monitor = Monitor(settings)
        self._pass_began = 0.0
        self._pace = priority.Pace()
        self._last_busy = 0.0

    def stop(self) -> None:
        """Leave as soon as no writer is left, without lingering. Safe in a signal handler."""
        self._stopping = True
        self._pace.stop()

    def run(self) -> None:
        """Ship until no writer is left and nothing is pending, or can be shipped."""
        self._last_busy = time.monotonic()
        threading.Thread(target=self._watch, name="watch", daemon=True).start()
        self._pace.run(self._turn)
        self._disconnect()

    def _turn(self, seconds: float) -> bool:
        """One pass of about ``seconds`` at most; whether another one is due."""
        self._pass_began = began = time.monotonic()
        done = self._ship(began + seconds)
        self._pass_began, now = 0.0, time.monotonic()
        if self._loader.has_writers or not done:
            self._last_busy = now
        elif self._stopping or now - self._last_busy > LINGER_SECONDS:
            return False
        if not os.fstat(self._lock).st_nlink:  # the spool was deleted; the new one has another shipper
            self._loader.only_open_files = True
            if self._loader.is_empty():
                return False
        if done:
            self._sleep()
        return True

    def _watch(self) -> None:
        """Run beside the passes: beat, start the monitor, interrupt a pass that hangs.

        A pass hangs when the database takes nothing; a long pass that goes on is left alone. The workers replace a
        process that does not beat, such as a stopped one.
        """
        priority.low()
        beats = 0
        while True:
            began, now = self._pass_began, time.monotonic()
            if not began or now - max(began, self._loader.written_at) < STUCK_SECONDS:
                beats += 1
                write_shipper(self._lock, fingerprint(self._settings), beats)
            self._monitor.tick()
            if began and now - max(began, self._loader.written_at) > HANG_SECONDS and (sink := self._sink) is not None:
                sink.cut()
            time.sleep(1)

    def _sleep(self) -> None:
        until = time.monotonic() + self._pause
        stopping = self._stopping
        while time.monotonic() < until and self._stopping == stopping:
            time.sleep(POLL_SECONDS / 2)

    def _ship(self, until: float) -> bool:
        """One pass over the spool; False where it was not done at ``until``."""
        try:
            if self._sink is None:
                sinks.ensure_schema(self._settings)
                self._sink = connect(self._settings)
                self._pace.calm_down()  # requests wait for the schema, and for nothing after it
            done = self._loader.load(self._sink, until)
            if done:
                self._retention.tick(self._sink)
        except Exception as exc:  # drivers' errors have no base class in common
            self._fail(exc.__cause__ if isinstance(exc, Outage) and exc.__cause__ else exc)
            return True
        if self._failing_since and (done or self._loader.written_at > self._failing_since):
            seconds = round(time.monotonic() - self._failing_since, 1)
            log.info("records_database_back", seconds=seconds, pending_bytes=pending_bytes(self._folder))
            self._failing_since, self._pause = 0.0, POLL_SECONDS
        return done

    def _fail(self, exc: BaseException) -> None:
        if not self._failing_since:
            self._failing_since = time.monotonic()
            if isinstance(exc, sinks.DatabaseDeleted):
                count(self._folder, lost=exc.rows)
                metrics.records("lost", exc.rows)
            log.error("records_database_gone", reason=f"{type(exc).__name__}: {exc}".strip())
        self._pause = min(self._pause * 2, MAX_PAUSE_SECONDS)
        self._disconnect()
        self._loader.refresh()

    def _disconnect(self) -> None:
        if self._sink is not None:
            with suppress(Exception):
                self._sink.close()
            self._sink = None


def main() -> None:
    """Run the shipper, unless the host has one already."""
    settings = Settings.read(os.environ)
    folder = spool_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = int(os.environ.get(INHERITED_LOCK) or -1)
    if descriptor < 0:
        descriptor = open_lock(folder / SHIPPER_LOCK)
        if not try_lock(descriptor):
            return
    os.set_inheritable(descriptor, False)
    shipper = Shipper(settings, folder, descriptor)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: shipper.stop())
    if os.fork():  # the child inherits the lock and is no child of the server, which counts its own
        os._exit(0)
    write_shipper(descriptor, fingerprint(settings), 0)
    log.configure(settings)
    metrics.prepare(settings)
    for temporary in folder.glob(f"*{TEMP_SUFFIX}"):
        _delete_if_old(temporary)
    shipper.run()


def _delete_if_old(temporary: Path) -> None:
    """Delete a file whose writer died before it had its final name; it holds no record."""
    with suppress(OSError):
        if time.time() - temporary.stat().st_mtime > 60:
            temporary.unlink()


if __name__ == "__main__":
    main()
