"""The write path: one line a record, appended before the answer goes out.

The life of a server, in order: ``prepare`` once before the fork; ``open_all`` in each worker after it, or the first
record where a server has no hook for that; ``close_all`` when a worker leaves, ``drain`` when the server does.
"""

import fcntl
import os
import threading
import time
import zlib
from contextlib import suppress
from weakref import WeakSet

from service import log, metrics
from service.locks import open_lock
from service.records import Record
from service.records.shipper import supervisor
from service.records.spool.files import count, make_counts, spool_folder
from service.records.spool.writer import Writer
from service.settings import Settings

REPORT_SECONDS = 10.0
"""The log has at most one line about lost records in this time, with their number."""
WATCH_SECONDS = 1.0
"""How often a worker looks for a dead shipper and a deleted file."""
VAR_DIR_LOCK = "service.lock"
_var_dir = -1
_recorders: "WeakSet[Recorder]" = WeakSet()


class Recorder:
    """The records of one application in this process, and a thread that watches over their spool. Safe for threads.

    Nothing is opened and no thread runs before ``open``: under preload the object is made in gunicorn's master.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = spool_folder(settings)
        self._threshold = int(settings.records_sample * 2**32)
        self._unreported, self._report_after = 0, 0.0
        self._losing = False
        self._writer: Writer | None = None
        self._opening = threading.Lock()
        self._closed = threading.Event()
        _recorders.add(self)

    def open(self) -> None:
        """Begin a file of the spool, after the fork. A second call in the same process does nothing."""
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
                self._set_losing(True)
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
        except Exception as exc:  # no error of the records may cost the answer
            self._lose(rows, exc)
        else:
            metrics.records("spooled", rows)
            if self._losing:
                self._set_losing(False)

    def close(self) -> None:
        """Leave the file to the shipper; a later record begins another one."""
        with self._opening:
            writer, self._writer = self._writer, None
        if writer is not None:
            self._closed.set()
            writer.close()
            supervisor.start_if_needed(self._settings)

    def forget(self) -> None:
        """Forget the open file in a forked child: it belongs to the parent."""
        writer, self._writer, self._opening = self._writer, None, threading.Lock()
        if writer is not None:
            writer.forget()

    def is_losing(self) -> bool:
        """Whether the last record of this worker, or of another one of this host, could not be written."""
        return self._settings.records and (self._losing or metrics.total("records_losing") > 0)

    def _set_losing(self, losing: bool) -> None:
        self._losing = losing
        metrics.records_losing(losing)

    def _lose(self, rows: int, exc: Exception) -> None:
        self._set_losing(True)
        count(self._folder, lost=rows)
        metrics.records("lost", rows)
        self._unreported += rows
        if time.monotonic() >= self._report_after:
            lost, self._unreported, self._report_after = self._unreported, 0, time.monotonic() + REPORT_SECONDS
            log.error("records_lost", rows=lost, folder=str(self._folder), reason=f"{type(exc).__name__}: {exc}")

    def _watch(self, writer: Writer, closed: threading.Event) -> None:
        """Replace a dead or stalled shipper and a deleted file, off the request's path."""
        stall_watch = supervisor.StallWatch(self._settings)
        while not closed.wait(WATCH_SECONDS):
            try:
                if writer.try_to_begin():
                    self._set_losing(False)
                stall_watch.look()
                count(self._folder)  # what could not be counted before
                if writer.reopen_if_deleted():
                    log.error("records_file_deleted", folder=str(self._folder))
                supervisor.start_if_needed(self._settings)
            except Exception:  # the thread must go on after any error
                log.error("records_watch_failed", exc_info=True)


def prepare(settings: Settings) -> None:
    """Make the folder of the spool, and start the shipper, which makes the database; before the fork."""
    notice_others(settings)
    if not settings.records:
        return
    folder = spool_folder(settings)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        make_counts(folder)
        supervisor.start_or_replace(settings)
    except OSError as exc:
        log.error("records_spool_not_writable", folder=str(folder), reason=os.strerror(exc.errno or 0))


def notice_others(settings: Settings) -> None:
    """Log where another service uses this VAR_DIR: their metrics, limits and records would be mixed.

    The master holds the lock as long as it lives. A master that replaces another one on SIGUSR2 is no other service.
    """
    global _var_dir
    path = settings.var_dir / VAR_DIR_LOCK
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = open_lock(path)
    except OSError:  # reported by whoever needs the folder
        return
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # this kind is not inherited: no worker holds it
    except OSError:
        if "GUNICORN_PID" not in os.environ:
            other = os.pread(descriptor, 200, 0).decode(errors="replace").strip()
            log.warning("var_dir_shared", folder=str(settings.var_dir.absolute()), other=other)
        os.close(descriptor)
        return
    _var_dir = descriptor
    with suppress(OSError):
        os.pwrite(descriptor, f"process {os.getpid()} on {settings.bind}".ljust(200).encode(), 0)


def open_all() -> None:
    """Open every recorder of this process, after the fork."""
    for recorder in tuple(_recorders):
        recorder.open()


def close_all() -> None:
    """Close every recorder of this process, when the worker leaves."""
    for recorder in tuple(_recorders):
        recorder.close()


def drain(settings: Settings) -> None:
    """Give the shipper a few seconds to ship the rest, when the server leaves."""
    if settings.records:
        supervisor.drain(settings)


def _forget_all() -> None:
    for recorder in tuple(_recorders):
        recorder.forget()


os.register_at_fork(after_in_child=_forget_all)
