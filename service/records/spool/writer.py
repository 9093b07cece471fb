"""One process's own file of the spool: appended to by one write a line, replaced by the next when it is full."""

import errno
import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from inference.contract import Contract
from service import log
from service.locks import try_lock
from service.records.record import Record
from service.records.spool.encoder import encode_model, encode_record
from service.records.spool.paths import SUFFIX, TEMP_SUFFIX

LARGEST = 8 * 2**20
"""Bytes after which a file is left to the shipper and the next one begun."""


class Writer:
    """Appends lines to a file that nobody else writes, and whose lock says that its writer lives.

    A file gets its final name only when its lock is held: whoever finds one unlocked knows that its writer is gone.
    """

    def __init__(self, folder: Path, redacted: frozenset[str]) -> None:
        self._folder = folder
        self._redacted = redacted
        self._lock = threading.Lock()
        self._known: dict[str, tuple[Contract, list[int]]] = {}
        self._descriptor = -1
        self._size = 0
        self._limit = LARGEST
        self._partial_write = False

    def open(self) -> None:
        """Begin a new file.

        Raises:
            OSError: none can be made.
        """
        with self._lock:
            self._begin()

    def append(self, record: Record) -> None:
        """Write one record, in one call.

        Raises:
            OSError: it could not be written, or not whole.
        """
        with self._lock:
            if self._descriptor < 0 or self._size >= self._limit:
                self._next()
            known = self._known.get(record.model_version)
            if known is None or known[0] is not record.contract:
                known = (record.contract, self._hidden(record))
                line = encode_model(record) + encode_record(record, known[1])
            else:
                line = encode_record(record, known[1])
            self._write(line)
            self._known[record.model_version] = known

    def close(self) -> None:
        """Leave the file to the shipper."""
        with self._lock:
            self._leave()

    def reopen_if_deleted(self) -> bool:
        """Whether the file had been deleted under its writer, who then begins another."""
        with self._lock:
            if self._descriptor < 0 or os.fstat(self._descriptor).st_nlink:
                return False
            self._leave()
            self._begin()
            return True

    def forget(self) -> None:
        """In a forked child: the file is the parent's, and so is its lock."""
        self._lock = threading.Lock()
        self._leave()

    def _write(self, line: bytes) -> None:
        try:
            # A newline ends what an earlier write left half done, so that this line can be read.
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
        """Begin the next file; where that fails go on in the one there is."""
        try:
            self._begin()
        except OSError:
            if self._descriptor < 0:
                raise
            self._limit += LARGEST

    def _begin(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"{time.time_ns():020d}-{os.getpid()}{SUFFIX}"
        temporary = self._folder / (name + TEMP_SUFFIX)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
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
        self._descriptor, self._size, self._limit, self._partial_write = -1, 0, LARGEST, False
        self._known.clear()

    def _hidden(self, record: Record) -> list[int]:
        names = record.contract.names
        if unknown := self._redacted.difference(names):
            log.warning("records_redact_unknown", model_version=record.model_version, features=sorted(unknown))
        return [column for column, name in enumerate(names) if name in self._redacted]
