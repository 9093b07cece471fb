"""Where the rows of a CSV begin, without reading their cells: a quoted cell may hold line ends.

As pyarrow reads it: a quote opens a cell only at its begin, a blank line is no row.
"""

import gzip
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from scoring.refusals import ScoringError

BLOCK = 4 * 2**20
LONGEST_ROW = 64 * 2**20
"""Bytes; a longer one is a quote that was never closed."""
GZIP = b"\x1f\x8b"
BOM = b"\xef\xbb\xbf"
_CELL = rb'(?:"(?:[^"]++|"")*+"[^,\r\n]*+|(?!")[^,\r\n]*+)'
_ROW = re.compile(_CELL + rb"(?:," + _CELL + rb")*+(?:\r\n|\n|\r(?!\Z))")


def open_csv(path: Path) -> BinaryIO:
    """The bytes of a file, unpacked where it is gzip by its first bytes."""
    with path.open("rb") as file:
        packed = file.read(2) == GZIP
    return cast(BinaryIO, gzip.open(path, "rb")) if packed else path.open("rb")


class Scan:
    """Reads through a file once: ``header`` is its first line's bytes, ``start`` where the rows begin."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pieces = self._read()
        self.header = b""
        self.start = 0

    def cuts(self, rows: int) -> Iterator[tuple[int, int, int]]:
        """Begin, end (bytes of the unpacked file) and number of rows of each chunk of ``rows`` rows; the last has less.

        Raises:
            ScoringError: the file cannot be read, is not CSV, or holds a quote that is never closed.
        """
        begin = last = count = 0
        seen_header = False
        for offset, ends in self._pieces:
            if not seen_header and len(ends):
                self.start, seen_header = offset + int(ends[0]), True
                begin, ends = self.start, ends[1:]
            place = 0
            while count + len(ends) - place >= rows:
                place += rows - count
                end = offset + int(ends[place - 1])
                yield begin, end, rows
                begin, count = end, 0
            count += len(ends) - place
            if len(ends):
                last = offset + int(ends[-1])
        if not seen_header:
            raise ScoringError(f"{self._path} is empty: it has not even a header line.")
        if count:
            yield begin, last, count

    def _read(self) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """The ends of the rows that are not blank, block by block, each relative to the block's own begin."""
        offset, rest, row = 0, b"", 0
        try:
            with open_csv(self._path) as file:
                while block := file.read(BLOCK):
                    block = rest + block
                    ends, used = _ends(block)
                    if not self.header and len(ends):
                        self.header = block[: int(ends[0])]
                    yield offset, ends
                    row += len(ends)
                    offset, rest = offset + used, block[used:]
                    if len(rest) > LONGEST_ROW:
                        raise ScoringError(f"{self._path}: row {row} is longer than 64 MiB: is a quote never closed?")
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise ScoringError(f"{self._path} is cut off or broken: it cannot be unpacked. Copy it again.") from None
        except OSError as exc:
            raise ScoringError(f"{self._path} cannot be read: {exc.strerror or exc}.") from None
        if rest:
            ends, used = _ends(rest + b"\n")
            if used <= len(rest):
                raise ScoringError(f"{self._path}: a quote in row {max(0, row - 1)} is never closed.")
            if not self.header and len(ends):
                self.header = rest
            yield offset, np.minimum(ends, len(rest))


def _ends(block: bytes) -> tuple[NDArray[np.int64], int]:
    """The ends of the whole rows of a block that are not blank, and how many bytes all whole lines have."""
    if b'"' in block or block.count(b"\r") != block.count(b"\r\n") + block.endswith(b"\r"):
        return _ends_of_quoted(block)
    octets = np.frombuffer(block, dtype=np.uint8)
    ends = np.flatnonzero(octets == ord("\n"))
    if not len(ends):
        return ends, 0
    lengths = np.diff(ends, prepend=-1) - 1
    blank = (lengths == 0) | ((lengths == 1) & (octets[ends - 1] == ord("\r")))
    return ends[~blank] + 1, int(ends[-1]) + 1


def _ends_of_quoted(block: bytes) -> tuple[NDArray[np.int64], int]:
    found, place = [], 0
    while (row := _ROW.match(block, place)) is not None:
        place = row.end()
        if row[0].strip(b"\r\n"):
            found.append(place)
    return np.array(found, dtype=np.int64), place
