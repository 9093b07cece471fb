"""The file of the spool that one process appends to, by one write a line; a full one is followed by the next."""

import errno
import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from inference.contract import Contract
from service import log
from service.locks import try_lock
from service.records import Record
from service.records.spool.codec import encode_model, encode_record
from service.records.spool.files import SUFFIX, TEMP_SUFFIX

MAX_FILE_BYTES = 8 * 2**20
"""A file of this size is left to the shipper, and the next one is begun."""


class Writer:
    """Appends lines to a file of its own, whose lock shows that its writer lives.

    A file gets its final name only when its lock is held, so a file without a lock has lost its writer. Safe for
    threads.
    """

    def __init__(self, folder: Path, redacted: frozenset[str]) -> None:
        self._folder = folder
        self._redacted = redacted
        self._lock = threading.Lock()
        self._models: dict[str, tuple[Contract, list[int]]] = {}
        self._descriptor = -1
        self._size = 0
        self._limit = MAX_FILE_BYTES
        self._partial_write = False

    def open(self) -> None:
        """Begin a new file.

        Raises:
            OSError: it cannot be made.
        """
        with self._lock:
            self._begin()

    def append(self, record: Record) -> None:
        """Write one record by one system call, its model before it where the file does not have it.

        Raises:
            OSError: it was not written, or not whole.
            TypeError: a value has no JSON form.
        """
        with self._lock:
            if self._descriptor < 0 or self._size >= self._limit:
                self._next()
            model = self._models.get(record.model_version)
            if model is None or model[0] is not record.contract:
                model = (record.contract, self._redacted_columns(record))
                line = encode_model(record) + encode_record(record, model[1])
            else:
                line = encode_record(record, model[1])
            self._write(line)
            self._models[record.model_version] = model

    def close(self) -> None:
        """Leave the file to the shipper."""
        with self._lock:
            self._leave()

    def reopen_if_deleted(self) -> bool:
        """Begin another file where this one was deleted, with all that was in it; whether it was.

        What was shipped before is recognised by its key. The file can be read as long as it is open.
        """
        with self._lock:
            if self._descriptor < 0 or (found := os.fstat(self._descriptor)).st_nlink:
                return False
            content = os.pread(self._descriptor, found.st_size, 0)
            self._begin()
            if content:
                self._write(content if content.endswith(b"\n") else content + b"\n")
            return True

    def try_to_begin(self) -> bool:
        """Begin a file where there is none, since the folder could not be written before; whether one was begun."""
        with self._lock:
            if self._descriptor >= 0:
                return False
            try:
                self._begin()
            except OSError:
                return False
            return True

    def forget(self) -> None:
        """Forget the file in a forked child: it belongs to the parent, and so does its lock."""
        self._lock = threading.Lock()
        self._leave()

    def _write(self, line: bytes) -> None:
        try:
            # A newline ends what an earlier write left unfinished, so that this line can be read.
            written = os.write(self._descriptor, b"\n" + line if self._partial_write else line) - self._partial_write
        except OSError as exc:
            if exc.errno in (errno.EFBIG, errno.EIO, errno.ESTALE):
                self._size = self._limit  # the next line tries another file
            raise
        self._size += written
        self._partial_write = written != len(line)
        if self._partial_write:
            self._size = self._limit
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _next(self) -> None:
        """Begin the next file; where that fails, go on in the present one."""
        try:
            self._begin()
        except OSError:
            if self._descriptor < 0:
                raise
            self._limit += MAX_FILE_BYTES

    def _begin(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"{time.time_ns():020d}-{os.getpid()}{SUFFIX}"
        temporary = self._folder / (name + TEMP_SUFFIX)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(temporary, flags, 0o640)
        try:
            try_lock(descriptor)
            temporary.rename(self._folder / name)
        except OSError:
            os.close(descriptor)
            with suppress(OSError):
                temporary.unlink()
            raise
        self._leave()
        self._descriptor = descriptor

    def _leave(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor, self._size, self._limit, self._partial_write = -1, 0, MAX_FILE_BYTES, False
        self._models.clear()

    def _redacted_columns(self, record: Record) -> list[int]:
        names = record.contract.names
        if unknown := self._redacted.difference(names):
            log.warning("records_redact_unknown", model_version=record.model_version, features=sorted(unknown))
        return [column for column, name in enumerate(names) if name in self._redacted]
