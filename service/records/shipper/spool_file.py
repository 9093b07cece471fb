"""A file of the spool as the shipper reads it: whole lines only, from its offset on."""

import os
from contextlib import suppress
from pathlib import Path

from service.locks import try_lock
from service.records.spool.codec import MODEL_PREFIX, CodecError, KnownModel
from service.records.spool.decoder import Decoder
from service.records.spool.files import offset_path, read_offset

CHUNK_BYTES = 2**15
"""Bytes read at once, and about what goes into one transaction; a longer line is read whole.

On a busy host an idle shipper takes long over a transaction, and feedback waits for SQLite's one lock.
"""


class SpoolFile:
    """One open file of the spool.

    Raises:
        OSError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.decoders: dict[str, Decoder] = {}
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._locked = False
        self.offset = min(read_offset(path), os.fstat(self._descriptor).st_size)
        for line in self._lines_before(self.offset):
            if line.startswith(MODEL_PREFIX):
                with suppress(CodecError):  # logged when it was first read
                    self.learn(line)

    def has_writer(self) -> bool:
        """Whether a living process may add lines. Call it before the last read, never after."""
        self._locked = self._locked or try_lock(self._descriptor)
        return not self._locked

    def is_done(self) -> bool:
        """Whether all of it is in the database, and no writer can add to it."""
        return not self.has_writer() and self.offset >= self.size()

    def size(self) -> int:
        """Its bytes now."""
        return os.fstat(self._descriptor).st_size

    def read(self) -> bytes:
        """The next whole lines; empty where there are none."""
        size = CHUNK_BYTES
        while True:
            block = os.pread(self._descriptor, size, self.offset)
            end = block.rfind(b"\n") + 1
            if end or len(block) < size:
                return block[:end]
            size *= 2

    def learn(self, line: bytes) -> KnownModel:
        """Read a model's line and make the model's decoder.

        Raises:
            CodecError: the line is no model.
        """
        model = KnownModel.read(line)
        self.decoders[model.version] = Decoder(model)
        return model

    def advance(self, length: int) -> None:
        """Note that the next ``length`` bytes are in the database."""
        self.offset += length
        with suppress(OSError):  # on a full disk: a row that is shipped twice is recognised by its key
            offset_path(self.path).write_bytes(b"%020d" % self.offset)

    def delete(self) -> None:
        """Delete and close a file that is shipped and has no writer."""
        with suppress(OSError):
            self.path.unlink()
        with suppress(OSError):
            offset_path(self.path).unlink()
        self.close()

    def close(self) -> None:
        """Close it and release its lock."""
        os.close(self._descriptor)

    def _lines_before(self, end: int) -> list[bytes]:
        return os.pread(self._descriptor, end, 0).splitlines() if end else []
