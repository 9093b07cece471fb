"""The write path: one line a record, appended before the answer goes out.

``prepare`` once a host before the fork; a ``Recorder`` an application, opened after the fork, or by its first record
where a server has no hook for that; ``close_all`` when the worker leaves, ``drain`` when the server does.
"""

import os
import threading
import time
import zlib
from weakref import WeakSet

from service import log, metrics
from service.records.record import Record
from service.records.shipper import supervisor
from service.records.spool.counts import count, make_counts
from service.records.spool.paths import spool_folder
from service.records.spool.writer import Writer
from service.settings import Settings

REPORT_SECONDS = 10.0
"""At most one line in the log about lost records in this time, with their number."""
WATCH_SECONDS = 1.0
_recorders: "WeakSet[Recorder]" = WeakSet()


class Recorder:
    """The records of one application in this process, and the thread that sees to it that they are shipped.

    Nothing is opened and no thread runs before ``open``: under preload the object is made in gunicorn's master.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = spool_folder(settings)
        self._threshold = int(settings.records_sample * 2**32)
        self._unreported, self._report_after = 0, 0.0
        self._writer: Writer | None = None
        self._opening = threading.Lock()
        self._closed = threading.Event()
        _recorders.add(self)

    def open(self) -> None:
        """Begin a file of the spool, after the fork; again in the same process does nothing."""
        with self._opening:  # the first requests of two threads come at once
            if self._writer is not None or not self._settings.records:
                return
            self._closed = threading.Event()
            writer = Writer(self._folder, self._settings.records_redact)
            try:
                make_counts(self._folder)
                writer.open()
            except OSError as exc:
                log.error("records_spool_not_writable", folder=str(self._folder), reason=os.strerror(exc.errno or 0))
            threading.Thread(target=self._watch, args=(writer, self._closed), name="records", daemon=True).start()
            self._writer = writer

    def append(self, record: Record) -> None:
        """Record one answer, if it belongs to the sample.

        Never raises: a record that cannot be written is counted, and the request goes on.
        """
        if self._writer is None:
            self.open()
        writer = self._writer
        if writer is None:  # RECORDS=off
            return
        if self._threshold < 2**32 and zlib.crc32(record.prediction_id.encode()) >= self._threshold:
            return
        rows = len(record.answers.predictions)
        try:
            writer.append(record)
        except Exception as exc:  # whatever it is, it must not cost the answer
            self._lose(rows, exc)
        else:
            metrics.records("spooled", rows)

    def close(self) -> None:
        """Leave the file to the shipper; a later record begins another."""
        with self._opening:
            writer, self._writer = self._writer, None
        if writer is not None:
            self._closed.set()
            writer.close()
            supervisor.start_if_needed(self._settings)

    def forget(self) -> None:
        """In a forked child: what is open belongs to the parent."""
        writer, self._writer, self._opening = self._writer, None, threading.Lock()
        if writer is not None:
            writer.forget()

    def _lose(self, rows: int, exc: Exception) -> None:
        count(self._folder, lost=rows)
        metrics.records("lost", rows)
        self._unreported += rows
        if time.monotonic() >= self._report_after:
            lost, self._unreported, self._report_after = self._unreported, 0, time.monotonic() + REPORT_SECONDS
            log.error("records_lost", rows=lost, folder=str(self._folder), reason=f"{type(exc).__name__}: {exc}")

    def _watch(self, writer: Writer, closed: threading.Event) -> None:
        """Off the request's path: a dead shipper is replaced, a deleted file begun anew."""
        while not closed.wait(WATCH_SECONDS):
            try:
                if writer.reopen_if_deleted():
                    log.error("records_file_deleted", folder=str(self._folder))
                supervisor.start_if_needed(self._settings)
            except Exception:  # the watcher must outlive whatever it meets
                log.error("records_watch_failed", exc_info=True)


def prepare(settings: Settings) -> None:
    """Make what all workers share, once a host, before the fork: the folder, and by the shipper the database."""
    if not settings.records:
        return
    folder = spool_folder(settings)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        make_counts(folder)
        supervisor.start_in_place(settings)
    except OSError as exc:
        log.error("records_spool_not_writable", folder=str(folder), reason=os.strerror(exc.errno or 0))


def open_all() -> None:
    """Open every recorder of this process, after the fork."""
    for recorder in tuple(_recorders):
        recorder.open()


def close_all() -> None:
    """Flush and close, when the worker leaves."""
    for recorder in tuple(_recorders):
        recorder.close()


def drain(settings: Settings) -> None:
    """When the server leaves: give the shipper a few seconds to bring the rest to the database."""
    if settings.records:
        supervisor.drain(settings)


def _forget_all() -> None:
    for recorder in tuple(_recorders):
        recorder.forget()


os.register_at_fork(after_in_child=_forget_all)
