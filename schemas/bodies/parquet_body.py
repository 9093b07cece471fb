"""Rows in Parquet: only the columns that the contract has, in the calling thread, after a look at the pages."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from schemas.arrow_cells import OTHER
from schemas.bodies.names import check_count, check_names
from schemas.bodies.parquet_pages import NotParquet, Pages
from schemas.cells import Column
from schemas.errors import BodyTooLarge, MalformedBody
from schemas.reader import Reader

MOST_ROW_GROUPS = 100
_ERRORS = (pa.ArrowException, ValueError, OSError, KeyError, IndexError, TypeError, UnicodeError, OverflowError)
"""What pyarrow raises for damaged bytes."""
_PLAIN = frozenset({"BOOLEAN", "INT32", "INT64", "FLOAT", "DOUBLE"})
_LONGEST_THRIFT = 2**20
"""Bytes of a string and entries of a list in the footer."""


def read_columns(body: bytes, reader: Reader, most_bytes: int) -> Mapping[str, Column]:
    """The columns of a file by name; those that the contract does not have are named and not read.

    Raises:
        MalformedBody, BodyTooLarge, InvalidInput
    """
    try:
        return _read(body, reader, most_bytes)
    except NotParquet as exc:
        raise MalformedBody(f"The Parquet file cannot be read: {exc}.") from None
    except _ERRORS:
        raise MalformedBody("The body is no Parquet file that can be read: it is cut short or damaged.") from None


def _open(body: bytes, **options: Any) -> Any:
    return parquet.ParquetFile(
        pa.BufferReader(body),
        pre_buffer=False,  # which would start threads
        thrift_string_size_limit=_LONGEST_THRIFT,
        thrift_container_size_limit=_LONGEST_THRIFT,
        **options,
    )


def _read(body: bytes, reader: Reader, most_bytes: int) -> dict[str, Column]:
    file = _open(body)
    metadata, schema = file.metadata, file.schema_arrow
    check_count(max(metadata.num_columns, len(schema)), reader.contract.names)
    check_names(schema.names)
    rows = metadata.num_rows
    reader.check_count(rows)
    if metadata.num_row_groups > MOST_ROW_GROUPS:
        raise NotParquet(f"it has more than {MOST_ROW_GROUPS} row groups; write fewer")
    leaves = _leaves(file, reader)
    _check_pages(metadata, list(leaves.values()), body, most_bytes)
    columns: dict[str, Column] = {name: range(rows) for name in schema.names}
    unreadable = np.full(rows, OTHER, dtype=np.object_)
    columns |= {name: unreadable for name in reader.contract.names if name in columns}
    if leaves:
        file = _open(body, metadata=metadata, read_dictionary=list(leaves))  # so that no string is repeated in memory
        table: Any = file.read(columns=list(leaves), use_threads=False)
        table.validate(full=True)
        if table.num_rows != rows:
            raise NotParquet("it has another number of rows than it says")
        columns |= {name: table.column(name) for name in leaves}
    return columns


def _leaves(file: Any, reader: Reader) -> dict[str, int]:
    """The columns that the contract has and that hold one value of a simple type a row, with their places."""
    found = {}
    for place in range(len(file.schema)):
        leaf = file.schema.column(place)
        if leaf.path in reader.contract.names and leaf.max_repetition_level == 0 and leaf.max_definition_level <= 1:
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
