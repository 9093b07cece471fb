"""Rows in an Arrow stream. Only the columns that the contract has are read, in the calling thread."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from pyarrow import ipc

from schemas.bodies.arrow_frames import NotArrow, measure
from schemas.bodies.names import check_count, check_names
from schemas.cells import Column
from schemas.errors import BodyTooLarge, MalformedBody
from schemas.reader import Reader

_ERRORS = (pa.ArrowException, ValueError, OSError, KeyError, IndexError, TypeError, UnicodeError)
"""What pyarrow raises for damaged bytes."""


def read_columns(body: bytes, reader: Reader, most_bytes: int) -> Mapping[str, Column]:
    """The columns of a stream by name; those that the contract does not have are named and not read.

    Raises:
        MalformedBody, BodyTooLarge, InvalidInput
    """
    try:
        size = measure(body)
    except NotArrow as exc:
        raise MalformedBody(f"The body is no Arrow stream: {exc}.") from None
    if size.unpacked > most_bytes:
        raise BodyTooLarge(f"The body unpacks to more than {most_bytes} bytes; send fewer rows.")
    if size.rows > reader.most_rows:
        reader.check_count(size.rows)
    try:
        return _read(body, reader, size.rows)
    except _ERRORS:
        raise MalformedBody(
            "The body is no Arrow stream that can be read: its schema or its data are damaged."
        ) from None


def _read(body: bytes, reader: Reader, rows: int) -> dict[str, Column]:
    source = pa.py_buffer(body)
    with ipc.open_stream(source) as stream:
        schema = stream.schema
    check_count(len(schema), reader.contract.names)
    check_names(schema.names)
    known = set(reader.contract.names)
    fields = [place for place, name in enumerate(schema.names) if name in known]
    options = ipc.IpcReadOptions(use_threads=False, included_fields=fields)
    with ipc.open_stream(source, options=options) as stream:
        table: Any = stream.read_all() if fields else None
    columns: dict[str, Column] = {name: range(rows) for name in schema.names if name not in known}
    if table is None:
        return columns
    table.validate(full=True)
    if table.num_rows != rows:
        raise ValueError("the stream has another number of rows than its frames say")
    return columns | {name: table.column(name) for name in table.column_names}
