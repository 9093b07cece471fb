"""The write path: one line a record, appended before the answer goes out.

``prepare`` once a host before the fork, ``open_spool`` in each worker after it, ``append`` an answer, ``close_spool``
when the worker leaves, ``drain`` when the server does. Where a server has no such hooks, ``open_spool`` before an
``append`` is enough.
"""

import os
import threading
import time
import zlib

from service import log, metrics
from service.records.record import Record
from service.records.shipper import supervisor
from service.records.spool.counts import count, make_counts
from service.records.spool.paths import spool_folder
from service.records.spool.writer import Writer
from service.settings import Settings

SAY_SECONDS = 10.0
"""At most one line in the log about lost records in this time, with their number."""
WATCH_SECONDS = 1.0


class Spool:
    """The open spool of this process for one set of settings, and the thread that sees to it that it is shipped."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._folder = spool_folder(settings)
        self._writer = Writer(self._folder, settings.records_redact)
        self._threshold = int(settings.records_sample * 2**32)
        self._unsaid, self._say_after = 0, 0.0
        self._closed = threading.Event()
        try:
            make_counts(self._folder)
            self._writer.open()
        except OSError as exc:
            log.error("records_spool_not_writable", folder=str(self._folder), reason=os.strerror(exc.errno or 0))
        threading.Thread(target=self._watch, name="records", daemon=True).start()

    def append(self, record: Record) -> None:
        """Keep one answer, if it belongs to the sample."""
        if self._threshold < 2**32 and zlib.crc32(record.prediction_id.encode()) >= self._threshold:
            return
        rows = len(record.answers.predictions)
        try:
            self._writer.append(record)
        except Exception as exc:  # whatever it is, it must not cost the answer
            self._lose(rows, exc)
        else:
            metrics.records("spooled", rows)

    def close(self) -> None:
        """Leave the file to the shipper."""
        self._closed.set()
        self._writer.close()
        supervisor.start_if_needed(self.settings)

    def forget(self) -> None:
        """In a forked child."""
        self._closed.set()
        self._writer.forget()

    def _lose(self, rows: int, exc: Exception) -> None:
        count(self._folder, lost=rows)
        metrics.records("lost", rows)
        self._unsaid += rows
        if time.monotonic() >= self._say_after:
            lost, self._unsaid, self._say_after = self._unsaid, 0, time.monotonic() + SAY_SECONDS
            log.error("records_lost", rows=lost, folder=str(self._folder), reason=f"{type(exc).__name__}: {exc}")

    def _watch(self) -> None:
        """Off the request's path: a dead shipper is replaced, a deleted file begun anew."""
        while not self._closed.wait(WATCH_SECONDS):
            try:
                if self._writer.reopen_if_deleted():
                    log.error("records_file_deleted", folder=str(self._folder))
                supervisor.start_if_needed(self.settings)
            except Exception:  # the watcher must outlive whatever it meets
                log.error("records_watch_failed", exc_info=True)


_spools: dict[Settings, Spool] = {}
_current: Spool | None = None
_opened_for: Settings | None = None


def prepare(settings: Settings) -> None:
    """Make what all workers share, once a host, before the fork: the folder, and by the shipper the database."""
    if settings.records == "off":
        return
    folder = spool_folder(settings)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        make_counts(folder)
        supervisor.start_in_place(settings)
    except OSError as exc:
        log.error("records_spool_not_writable", folder=str(folder), reason=os.strerror(exc.errno or 0))


def open_spool(settings: Settings) -> None:
    """Open this process's own part, after the fork; again in the same process does nothing."""
    global _current, _opened_for
    if settings is _opened_for:  # by identity: this is asked on every request, and comparing settings takes longer
        return
    if settings.records == "off":
        _current = None
    else:
        if settings not in _spools:
            _spools[settings] = Spool(settings)
        _current = _spools[settings]
    _opened_for = settings


def append(record: Record) -> None:
    """Keep one answer. Never raises: a record that cannot be kept is counted, and the request goes on."""
    if _current is not None:
        _current.append(record)


def close_spool() -> None:
    """Flush and close, when the worker leaves."""
    global _current, _opened_for
    _current = _opened_for = None
    while _spools:
        _spools.popitem()[1].close()


def drain(settings: Settings) -> None:
    """When the server leaves: give the shipper a few seconds to bring the rest to the database."""
    if settings.records == "on":
        supervisor.drain(settings)


def _forget() -> None:
    global _current, _opened_for
    _current = _opened_for = None
    while _spools:
        _spools.popitem()[1].forget()


os.register_at_fork(after_in_child=_forget)
