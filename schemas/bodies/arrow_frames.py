"""What an Arrow stream holds, read from the frames of its messages: before a library unpacks any of it.

A stream is a row of messages: a length, the message's metadata (a table of FlatBuffers, ``Message.fbs`` of Arrow) and a
body of buffers. A compressed buffer begins with the length that it unpacks to. So the rows and bytes that a stream
would take are known without its library, in Python that no bytes can crash.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_CONTINUATION = 0xFFFFFFFF
_DICTIONARY_BATCH, _RECORD_BATCH = 2, 3
MOST_MESSAGES = 1_000
"""Record batches and dictionaries of one stream."""


class NotArrow(ValueError):
    """The bytes are no Arrow stream; the message says what is wrong with them."""


@dataclass(frozen=True, slots=True)
class Stream:
    """The rows of a stream in all its record batches, and the bytes of its buffers once they are unpacked."""

    rows: int
    unpacked: int


class _Table:
    """A table of FlatBuffers at a place of the metadata."""

    def __init__(self, data: memoryview, place: int) -> None:
        self._data, self._place = data, place
        self._fields = place - _read("<i", data, place)

    def _at(self, number: int) -> int | None:
        """Where a field stands; None where the table has it not."""
        if 4 + 2 * number >= _read("<H", self._data, self._fields):
            return None
        offset = _read("<H", self._data, self._fields + 4 + 2 * number)
        return self._place + offset if offset else None

    def scalar(self, number: int, form: str) -> int:
        """A number; 0 where it is left out."""
        at = self._at(number)
        return 0 if at is None else _read(form, self._data, at)

    def table(self, number: int) -> "_Table | None":
        """A table within this one."""
        at = self._at(number)
        return None if at is None else _Table(self._data, at + _read("<I", self._data, at))

    def pairs(self, number: int) -> Iterator[tuple[int, int]]:
        """A vector of structs of two 64-bit numbers."""
        at = self._at(number)
        if at is None:
            return
        at += _read("<I", self._data, at)
        count = _read("<I", self._data, at)
        held = self._data[at + 4 : at + 4 + 16 * count]
        if len(held) != 16 * count:
            raise NotArrow("a vector ends beyond its message")
        yield from struct.iter_unpack("<qq", held)


def measure(body: bytes) -> Stream:
    """The size of a stream.

    Raises:
        NotArrow
    """
    rows = unpacked = messages = 0
    for kind, header, buffers in _messages(memoryview(body)):
        if kind not in (_DICTIONARY_BATCH, _RECORD_BATCH):
            continue
        messages += 1
        if messages > MOST_MESSAGES:
            raise NotArrow(f"it has more than {MOST_MESSAGES} record batches and dictionaries; send larger batches")
        batch = header if kind == _RECORD_BATCH else header.table(1)
        if batch is None:
            raise NotArrow("a dictionary has no data")
        length = batch.scalar(0, "<q")
        if length < 0:
            raise NotArrow("a record batch has a negative length")
        rows += length if kind == _RECORD_BATCH else 0
        unpacked += _unpacked(batch, buffers)
    return Stream(rows, unpacked)


def _unpacked(batch: _Table, buffers: memoryview) -> int:
    """The bytes that the buffers of a batch take."""
    compressed = batch.table(3) is not None
    total = 0
    for start, length in batch.pairs(2):
        if start < 0 or length < 0 or start + length > len(buffers):
            raise NotArrow("a buffer lies outside its message")
        size = length
        if compressed and length:
            size = _read("<q", buffers, start)
            if size < -1:
                raise NotArrow("a compressed buffer has a negative length")
            size = length - 8 if size == -1 else size  # -1: left as it is
        total += size
    return total


def _messages(data: memoryview) -> Iterator[tuple[int, _Table, memoryview]]:
    """Each message: its kind, its header and its body."""
    place = 0
    if bytes(data[:6]) == b"ARROW1":
        raise NotArrow("it is an Arrow file, not a stream: write it with pyarrow.ipc.new_stream, or to_arrow's stream")
    while place < len(data):
        size = _read("<I", data, place)
        place += 4
        if size == _CONTINUATION:
            size = _read("<I", data, place)
            place += 4
        if not size:
            return
        metadata = data[place : place + size]
        if len(metadata) < size:
            raise NotArrow("it ends within a message")
        place += size
        message = _Table(metadata, _read("<I", metadata, 0))
        length, header = message.scalar(3, "<q"), message.table(2)
        if not 0 <= length <= len(data) - place or header is None:
            raise NotArrow("it ends within a message, or a message is damaged")
        yield message.scalar(1, "<B"), header, data[place : place + length]
        place += length


def _read(form: str, data: memoryview, place: int) -> int:
    try:
        if place < 0:
            raise NotArrow("an offset is damaged")
        found: int = struct.unpack_from(form, data, place)[0]
    except struct.error:
        raise NotArrow("it ends within a message, or an offset is damaged") from None
    return found
