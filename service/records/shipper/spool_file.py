"""A file of the spool as the shipper reads it: whole lines only, from where it left off."""

import os
from contextlib import suppress
from pathlib import Path

from service.locks import try_lock
from service.records.spool.codec import MODEL_PREFIX, CodecError, Decoder, KnownModel
from service.records.spool.paths import offset_path, read_offset

CHUNK = 2**15
"""Bytes read at once, and about what goes into one transaction; a longer line is read whole.

On a busy host the shipper, who stands back, is long about a transaction, and feedback waits for SQLite's one lock.
"""


class SpoolFile:
    """One file, open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.decoders: dict[str, Decoder] = {}
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._left = False
        self.offset = min(read_offset(path), os.fstat(self._descriptor).st_size)
        for line in self._before(self.offset):
            if line.startswith(MODEL_PREFIX):
                with suppress(CodecError):  # said when it was first read
                    self.learn(line)

    def is_left(self) -> bool:
        """Whether its writer is gone: nothing will be added. Asked before the last read, never after."""
        self._left = self._left or try_lock(self._descriptor)
        return self._left

    def size(self) -> int:
        """How many bytes it has now."""
        return os.fstat(self._descriptor).st_size

    def read(self) -> bytes:
        """The next whole lines; empty where there are none."""
        size = CHUNK
        while True:
            block = os.pread(self._descriptor, size, self.offset)
            end = block.rfind(b"\n") + 1
            if end or len(block) < size:
                return block[:end]
            size *= 2

    def learn(self, line: bytes) -> KnownModel:
        """Take note of a model.

        Raises:
            LineError: the line is none.
        """
        model = KnownModel.read(line)
        self.decoders[model.version] = Decoder(model)
        return model

    def advance(self, length: int) -> None:
        """The next ``length`` bytes are in the database."""
        self.offset += length
        with suppress(OSError):  # on a full disk: what is shipped twice is found out by its key
            offset_path(self.path).write_bytes(b"%020d" % self.offset)

    def delete(self) -> None:
        """Shipped, and left by its writer."""
        with suppress(OSError):
            self.path.unlink()
        with suppress(OSError):
            offset_path(self.path).unlink()
        self.close()

    def close(self) -> None:
        """Close it; the lock, if it was taken, is free again."""
        os.close(self._descriptor)

    def _before(self, end: int) -> list[bytes]:
        return os.pread(self._descriptor, end, 0).splitlines() if end else []
