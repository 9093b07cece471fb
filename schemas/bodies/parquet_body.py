"""Rows in Parquet: only the columns that the contract has, in the calling thread, after a look at the pages."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from schemas.arrow_cells import OTHER
from schemas.bodies.names import MOST_COLUMNS, check_count, check_names
from schemas.bodies.parquet_pages import NotParquet, Pages
from schemas.cells import Column
from schemas.errors import BodyTooLarge, MalformedBody
from schemas.reader import Reader

MOST_ROW_GROUPS = 100
DAMAGED = "The body is no Parquet file that can be read: it is cut short or damaged."
_ERRORS = (pa.ArrowException, ValueError, OSError, KeyError, IndexError, TypeError, UnicodeError, OverflowError)
"""What pyarrow raises for damaged bytes."""
_PLAIN = frozenset({"BOOLEAN", "INT32", "INT64", "FLOAT", "DOUBLE"})
_LONGEST_THRIFT = 2**20
"""Bytes of a string and entries of a list in the footer."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds: the names of its columns, its rows, and a table of those that were wanted.

    ``unreadable`` are wanted columns of types that no feature has. ``table`` is None where nothing was read: no column
    is wanted, or there are too many of them, or of rows.
    """

    names: list[str]
    rows: int
    unreadable: list[str]
    table: Any


def read_columns(body: bytes, reader: Reader, most_bytes: int) -> Mapping[str, Column]:
    """The columns of a file by name, read in this process; damaged bytes have crashed pyarrow here.

    Raises:
        MalformedBody, BodyTooLarge, InvalidInput
    """
    return columns_of(read_content(body, reader.contract.names, reader.most_rows, most_bytes), reader)


def columns_of(content: Content, reader: Reader) -> Mapping[str, Column]:
    """The columns by name; of those that the contract does not have, there are the names alone.

    Raises:
        MalformedBody, InvalidInput: too many columns or rows, or a name that comes twice.
    """
    check_count(len(content.names), reader.contract.names)
    check_names(content.names)
    reader.check_count(content.rows)
    columns: dict[str, Column] = {name: range(content.rows) for name in content.names}
    unreadable = np.full(content.rows, OTHER, dtype=np.object_)
    columns |= dict.fromkeys(content.unreadable, unreadable)
    if content.table is not None:
        columns |= {name: content.table.column(name) for name in content.table.column_names}
    return columns


def read_content(body: bytes, known: Collection[str], most_rows: int, most_bytes: int) -> Content:
    """The ``known`` columns of a file, as far as it keeps to the limits.

    Raises:
        MalformedBody, BodyTooLarge
    """
    try:
        return _read(body, known, most_rows, most_bytes)
    except NotParquet as exc:
        raise MalformedBody(f"The Parquet file cannot be read: {exc}.") from None
    except _ERRORS:
        raise MalformedBody(DAMAGED) from None


def _open(body: bytes, **options: Any) -> Any:
    return parquet.ParquetFile(
        pa.BufferReader(body),
        pre_buffer=False,  # which would start threads
        thrift_string_size_limit=_LONGEST_THRIFT,
        thrift_container_size_limit=_LONGEST_THRIFT,
        **options,
    )


def _read(body: bytes, known: Collection[str], most_rows: int, most_bytes: int) -> Content:
    file = _open(body)
    metadata, schema = file.metadata, file.schema_arrow
    names, rows = schema.names, metadata.num_rows
    if not 1 <= rows <= most_rows or max(len(names), metadata.num_columns) > MOST_COLUMNS + len(known):
        return Content(names[: MOST_COLUMNS + len(known) + 1], rows, [], None)
    if metadata.num_row_groups > MOST_ROW_GROUPS:
        raise NotParquet(f"it has more than {MOST_ROW_GROUPS} row groups; write fewer")
    leaves = _leaves(file, known)
    if len(set(names)) < len(names) or not leaves:
        return Content(names, rows, [name for name in names if name in known], None)
    _check_pages(metadata, list(leaves.values()), body, most_bytes)
    file = _open(body, metadata=metadata, read_dictionary=list(leaves))  # so that no string is repeated in memory
    table: Any = file.read(columns=list(leaves), use_threads=False)
    table.validate(full=True)
    if table.num_rows != rows:
        raise NotParquet("it has another number of rows than it says")
    return Content(names, rows, [name for name in names if name in known and name not in leaves], table)


def _leaves(file: Any, known: Collection[str]) -> dict[str, int]:
    """The known columns that hold one value of a simple type a row, with their places."""
    found = {}
    for place in range(len(file.schema)):
        leaf = file.schema.column(place)
        if leaf.path in known and leaf.max_repetition_level == 0 and leaf.max_definition_level <= 1:
            is_text = leaf.physical_type == "BYTE_ARRAY" and leaf.logical_type.type in ("STRING", "ENUM", "JSON")
            is_half = leaf.logical_type.type == "FLOAT16"
            if leaf.physical_type in _PLAIN or is_text or is_half:
                found[leaf.path] = place
    return found


def _check_pages(metadata: Any, leaves: list[int], body: bytes, most_bytes: int) -> None:
    pages = Pages(body, metadata.num_rows)
    for group in range(metadata.num_row_groups):
        for place in leaves:
            chunk = metadata.row_group(group).column(place)
            start = chunk.data_page_offset
            if chunk.has_dictionary_page and chunk.dictionary_page_offset:
                start = min(start, chunk.dictionary_page_offset)
            pages.walk(start, chunk.total_compressed_size)
            if pages.unpacked > most_bytes:
                raise BodyTooLarge(f"The body unpacks to more than {most_bytes} bytes; send fewer rows.")
