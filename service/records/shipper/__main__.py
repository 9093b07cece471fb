"""The shipper: a process that moves the spool's lines to the database; ``python -m service.records.shipper``.

One a host, elected by a file lock. It may be killed at any time: what it had put into the database without taking
note of it is offered again by the next one, and refused by its key.
"""

import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

from service import log, metrics
from service.locks import open_lock, try_lock
from service.processes import low
from service.records.database.monitor import Monitor
from service.records.shipper import schema
from service.records.shipper.loader import Mover, Outage
from service.records.shipper.pace import Pace
from service.records.shipper.sinks import Sink, connect
from service.records.shipper.supervisor import LOCK, mark_of
from service.records.spool.backlog import oldest_waiting
from service.records.spool.paths import SHIPPER, TEMP_SUFFIX, spool_folder
from service.settings import Settings

POLL_SECONDS = 0.2
LINGER_SECONDS = 2.0
"""How long it waits for a writer to come (back) before it leaves."""
LONGEST_PAUSE = 5.0
SILENT_SECONDS = 5.0
"""A pass that lasts longer is told of while it lasts."""
HANGING_SECONDS = 60.0
"""One that lasts longer waits for a database that hangs."""
PRUNE_SECONDS = 3600.0


class Shipper:
    """The loop. After ``stop`` it leaves as soon as no writer is there, without lingering."""

    def __init__(self, settings: Settings, folder: Path, lock: int) -> None:
        self._settings = settings
        self._folder = folder
        self._lock = lock
        self._mover = Mover(folder)
        self._stopping = False
        self._sink: Sink | None = None
        self._failing_since = 0.0
        self._pause = POLL_SECONDS
        self._prune_at = 0.0
        self._monitor = Monitor(settings)
        self._pass_began = 0.0
        self._pace = Pace()
        self._seen = 0.0

    def stop(self) -> None:
        """Safe in a signal handler."""
        self._stopping = True
        self._pace.stop()

    def run(self) -> None:
        """Ship until no writer is left and nothing is to do, or can be done."""
        self._seen = time.monotonic()
        threading.Thread(target=self._watch, name="watch", daemon=True).start()
        self._pace.run(self._turn)
        self._disconnect()

    def _turn(self, seconds: float) -> bool:
        """One pass, of about so many seconds at most; whether another one is due."""
        self._pass_began = began = time.monotonic()
        all_moved = self._ship(began + seconds)
        self._pass_began, now = 0.0, time.monotonic()
        if self._mover.has_writers() or not all_moved:
            self._seen = now
        elif self._stopping or now - self._seen > LINGER_SECONDS:
            return False
        if not os.fstat(self._lock).st_nlink:  # the spool was deleted; another shipper has the one there is now
            return False
        if all_moved:
            self._rest()
        return True

    def _watch(self) -> None:
        """What goes on while a pass takes long: the monitor, the lag; and the end of one whose database hangs.

        To hang is to take nothing: a long way to go is not taken for standing still.
        """
        low()
        while True:
            self._monitor.tick()
            if began := self._pass_began:
                now = time.monotonic()
                if now - began > SILENT_SECONDS:
                    self._tell_lag()
                if now - max(began, self._mover.written_at) > HANGING_SECONDS and (sink := self._sink) is not None:
                    sink.cut()
            time.sleep(1)

    def _tell_lag(self) -> None:
        oldest = oldest_waiting(self._folder)
        metrics.records_lag(0.0 if oldest is None else max(0.0, time.time() - oldest))

    def _rest(self) -> None:
        until = time.monotonic() + self._pause
        stopping = self._stopping
        while time.monotonic() < until and self._stopping == stopping:
            time.sleep(POLL_SECONDS / 2)

    def _ship(self, until: float) -> bool:
        """One pass over the spool; False where it was not done at ``until``."""
        try:
            if self._sink is None:
                schema.ensure(self._settings)
                self._sink = connect(self._settings)
                self._pace.calm_down()
            if not self._mover.move(self._sink, until):
                self._tell_lag()
                return False
            self._prune(self._sink)
        except Exception as exc:  # a database may fail in any way its driver likes
            self._fail(exc.__cause__ if isinstance(exc, Outage) and exc.__cause__ else exc)
            return True
        metrics.records_lag(0.0)
        if self._failing_since:
            seconds = round(time.monotonic() - self._failing_since, 1)
            log.info("records_database_back", seconds=seconds)
            self._failing_since, self._pause = 0.0, POLL_SECONDS
        return True

    def _fail(self, exc: BaseException) -> None:
        if not self._failing_since:
            self._failing_since = time.monotonic()
            log.error("records_database_gone", reason=f"{type(exc).__name__}: {exc}".strip())
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
        self._disconnect()
        self._mover.look()
        self._tell_lag()

    def _disconnect(self) -> None:
        if self._sink is not None:
            with suppress(Exception):
                self._sink.close()
            self._sink = None

    def _prune(self, sink: Sink) -> None:
        if time.monotonic() >= self._prune_at:
            self._prune_at = time.monotonic() + PRUNE_SECONDS
            pruned = sink.prune(self._settings.records_keep_days)
            if pruned:
                log.info("records_pruned", rows=pruned, keep_days=self._settings.records_keep_days)


def main() -> None:
    """Ship, unless somebody does already."""
    settings = Settings.read(os.environ)
    folder = spool_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = int(os.environ.get(LOCK) or -1)  # the lock itself, from whoever took it for us
    if descriptor < 0:
        descriptor = open_lock(folder / SHIPPER)
        if not try_lock(descriptor):
            return
    os.set_inheritable(descriptor, False)
    shipper = Shipper(settings, folder, descriptor)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: shipper.stop())
    if os.fork():  # the child has the lock as well, and is nobody's: a server counts its children
        os._exit(0)
    with suppress(OSError):
        os.pwrite(descriptor, b"%010d %s" % (os.getpid(), mark_of(settings).encode()), 0)
    log.configure(settings)
    metrics.prepare(settings)
    for temporary in folder.glob(f"*{TEMP_SUFFIX}"):
        _clear(temporary)
    shipper.run()


def _clear(temporary: Path) -> None:
    """A file whose writer died while it was being made holds nothing."""
    with suppress(OSError):
        if time.time() - temporary.stat().st_mtime > 60:
            temporary.unlink()


if __name__ == "__main__":
    main()
