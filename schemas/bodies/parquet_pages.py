"""What the pages of a Parquet column unpack to, read from their headers: before a library unpacks any of them.

A column of a row group is a run of pages, each behind a header in Thrift's compact protocol (``parquet.thrift``,
PageHeader). The footer's own totals may be wrong, the headers are what a library allocates by. Python that no bytes can
crash walks them.
"""

from collections.abc import Iterator
from typing import Any

_INT_TYPES = (3, 4, 5, 6)
_SKIPPED = {7: 8}
_BINARY, _LISTS, _MAP, _STRUCT = 8, (9, 10), 11, 12
_DEEPEST = 8
_ENCODINGS = {0, 2, 3, 5, 8, 9}
"""PLAIN, PLAIN_DICTIONARY, RLE, DELTA_BINARY_PACKED, RLE_DICTIONARY, BYTE_STREAM_SPLIT. In the others, a few bytes can
stand for as much text as one likes."""
_DATA, _DICTIONARY, _DATA_V2 = 0, 2, 3
_INNER = {_DATA: 5, _DICTIONARY: 7, _DATA_V2: 8}
MOST_STEPS = 500_000
"""Values of headers that are read of one body; a table that is written in one go has some ten for each column."""


class NotParquet(ValueError):
    """The pages are not what they should be; the message says how."""


class Pages:
    """Walks the pages of one body. ``unpacked`` is the sum of what those that were walked unpack to, in bytes."""

    def __init__(self, body: bytes, rows: int) -> None:
        self.unpacked = 0
        self._data, self._rows, self._place = body, rows, 0
        self._steps = MOST_STEPS

    def walk(self, start: int, length: int) -> None:
        """Walk one column of one row group.

        Raises:
            NotParquet
        """
        if start < 0 or length < 0 or start + length > len(self._data):
            raise NotParquet("a column lies outside the file")
        self._place = start
        while self._place < start + length:
            header = dict(self._struct(0))
            unpacked, packed = header.get(2, -1), header.get(3, -1)
            if type(unpacked) is not int or type(packed) is not int or unpacked < 0 or packed < 0:
                raise NotParquet("a page has no size")
            self.unpacked += unpacked
            self._place += packed
            self._check(header, unpacked)

    def _check(self, header: dict[int, Any], unpacked: int) -> None:
        """Refuse a page whose values could be many more than its bytes."""
        kind: Any = header.get(1)
        inner = header.get(_INNER.get(kind, 0))
        if type(inner) is not dict:
            raise NotParquet("a page is of no kind that is read here")
        most = unpacked if kind == _DICTIONARY else self._rows
        if not 0 <= inner.get(1, -1) <= most:
            raise NotParquet("a page has more values than the file has rows, or than it has bytes")
        encoding = inner.get(4 if kind == _DATA_V2 else 2)
        if encoding not in _ENCODINGS:
            raise NotParquet("a column is in a delta encoding of strings, which is not read here: write it plain")

    def _struct(self, depth: int) -> Iterator[tuple[int, Any]]:
        if depth > _DEEPEST:
            raise NotParquet("a page's header is nested too deeply")
        number = 0
        while (head := self._byte()) != 0:
            delta, kind = head >> 4, head & 15
            number = number + delta if delta else self._integer()
            yield number, self._value(kind, depth)

    def _value(self, kind: int, depth: int) -> Any:
        """A number or a struct; None for what is passed over."""
        if kind in (1, 2):
            return None  # the type is the value
        if kind in _INT_TYPES:
            return self._byte() if kind == 3 else self._integer()
        if kind == _STRUCT:
            return dict(self._struct(depth + 1))
        if kind == _BINARY or kind in _SKIPPED:
            length = _SKIPPED.get(kind) or self._varint()
            self._place += length
        elif kind in _LISTS:
            self._list(depth)
        else:
            raise NotParquet("a page's header is damaged")
        return None

    def _list(self, depth: int) -> None:
        head = self._byte()
        count = head >> 4 if head >> 4 != 15 else self._varint()
        for _ in range(count):
            if head & 15 in (1, 2):
                self._byte()
            else:
                self._value(head & 15, depth + 1 if depth <= _DEEPEST else _fail())

    def _integer(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def _varint(self) -> int:
        value = shift = 0
        while (byte := self._byte()) & 128:
            value |= (byte & 127) << shift
            shift += 7
            if shift > 63:
                raise NotParquet("a page's header is damaged")
        return value | byte << shift

    def _byte(self) -> int:
        self._steps -= 1
        if self._place >= len(self._data) or self._steps < 0:
            raise NotParquet("a page's header ends beyond the file, or there are too many pages: write one row group")
        self._place += 1
        return self._data[self._place - 1]


def _fail() -> int:
    raise NotParquet("a page's header is nested too deeply")
