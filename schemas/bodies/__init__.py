"""Bodies of many rows in other formats than JSON: each becomes columns by name, which ``Reader.columns`` validates.

A library is imported when the first body of its format comes. Nothing is unpacked before it is known to stay within
the limits of rows and bytes. Bodies are hostile: what is checked before a library's native code sees it stands in
``arrow_frames`` and ``parquet_pages``.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import import_module
from typing import Literal

from inference.features import Matrix
from schemas.cells import CellsError, Column
from schemas.errors import MalformedBody, UnsupportedMediaType
from schemas.reader import Reader

Kind = Literal["csv", "arrow", "parquet"]
CSV = "text/csv"
ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"
MEDIA_TYPES: Mapping[str, Kind] = {CSV: "csv", ARROW: "arrow", PARQUET: "parquet"}
LIBRARIES: Mapping[Kind, str] = {"arrow": "pyarrow", "parquet": "pyarrow"}
"""What a format needs beside Python."""

ReadColumns = Callable[[bytes, Reader, int], Mapping[str, Column]]


def read_table(kind: Kind, reader: Reader, body: bytes, most_bytes: int) -> Matrix:
    """The rows of a body as a matrix of shape (rows, features); it unpacks to at most ``most_bytes``.

    Raises:
        UnsupportedMediaType: the format's library is not installed.
        BodyTooLarge, MalformedBody, InvalidInput
    """
    return validate(reader, load(kind)(body, reader, most_bytes))


def validate(reader: Reader, columns: Mapping[str, Column]) -> Matrix:
    """The columns of a body as a matrix of shape (rows, features).

    Raises:
        MalformedBody, InvalidInput
    """
    try:
        return reader.columns(columns)
    except CellsError as exc:
        raise MalformedBody(f"The body cannot be read: {exc}.") from None


def is_installed(kind: Kind) -> bool:
    """Whether the library of a format can be imported; it is imported."""
    try:
        load(kind)
    except UnsupportedMediaType:
        return False
    return True


def load(kind: Kind) -> ReadColumns:
    """How to read the columns of a format; its library is imported now.

    Raises:
        UnsupportedMediaType: it is not installed.
    """
    found = _reader_of(kind)
    if found is None:
        raise UnsupportedMediaType(
            f"This server reads no {kind.capitalize()}: {LIBRARIES[kind]} is not installed there "
            f"(pip install {LIBRARIES[kind]}). Send JSON or CSV."
        )
    return found


@lru_cache(maxsize=8)
def _reader_of(kind: Kind) -> ReadColumns | None:
    if kind in LIBRARIES:
        try:
            import_module(LIBRARIES[kind])
        except ImportError:
            return None
    read: ReadColumns = import_module(f"schemas.bodies.{kind}_body").read_columns
    return read
