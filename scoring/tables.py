"""The chunks of the files of IN, and how one of them is read, as Arrow columns."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, count
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from scoring.block import Block, Chunk, Reader, unreadable
from scoring.csv_rows import Scan
from scoring.csv_table import CsvReader, read_header
from scoring.inputs import Input

BUFFER = 2**20
"""Bytes of a column of Parquet that are held at a time: without it they are those of a whole row group."""


def plan(inputs: Sequence[Input], rows: int) -> Iterator[Chunk]:
    """The chunks of at most ``rows`` rows of all files, in order.

    Raises:
        ScoringError: a file is not what its name says.
    """
    numbers, first = count(), 0
    for one in inputs:
        if one.kind == "csv":
            for begin, end, many in Scan(Path(one.path)).cuts(rows):
                yield Chunk(next(numbers), one.path, one.kind, first, many, begin, end)
                first += many
            continue
        total: int = _parquet(one.path).metadata.num_rows if one.kind == "parquet" else _count_arrow(one.path)
        for begin in range(0, total, rows):
            many = min(rows, total - begin)
            yield Chunk(next(numbers), one.path, one.kind, first, many, begin)
            first += many


def schema_of(one: Input) -> pa.Schema:
    """The names of a file's columns and their types; of a CSV all are strings.

    Raises:
        ScoringError: the file is not what its name says.
    """
    if one.kind == "parquet":
        return _parquet(one.path).schema_arrow
    if one.kind == "arrow":
        return _open_arrow(one.path)[0].schema
    return pa.schema([(name, pa.string()) for name in read_header(Path(one.path))])


def open_reader(path: str, kind: str) -> Reader:
    """The reader of a file."""
    return CsvReader(path) if kind == "csv" else _ColumnReader(path, kind)


def _parquet(path: str) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path, buffer_size=BUFFER, page_checksum_verification=True)
    except (pa.ArrowException, OSError) as exc:
        raise unreadable(path, "Parquet", exc) from None


def _open_arrow(path: str, names: Sequence[str] | None = None) -> tuple[Any, Iterator[pa.RecordBatch]]:
    """A reader that has a schema, and its batches with the columns ``names``.

    The file is not mapped into memory: one that is cut off meanwhile would end the process.
    """
    try:
        with Path(path).open("rb") as file:
            stream = file.read(6) != b"ARROW1"
        make = pa.ipc.open_stream if stream else pa.ipc.open_file
        reader = make(pa.OSFile(path))
        if names is not None:
            wanted = [place for place, name in enumerate(reader.schema.names) if name in names]
            reader = make(pa.OSFile(path), options=pa.ipc.IpcReadOptions(included_fields=wanted))
    except (pa.ArrowException, OSError) as exc:
        raise unreadable(path, "Arrow", exc) from None
    batches = iter(reader) if stream else (reader.get_batch(place) for place in range(reader.num_record_batches))
    return reader, batches


def _count_arrow(path: str) -> int:
    names = _open_arrow(path)[0].schema.names[:1]
    try:
        return sum(len(batch) for batch in _open_arrow(path, names)[1])
    except (pa.ArrowException, OSError) as exc:
        raise unreadable(path, "Arrow", exc) from None


class _ColumnReader:
    """Parquet or Arrow: a stream of batches, which goes on where the last chunk ended."""

    def __init__(self, path: str, kind: str) -> None:
        self._path, self._kind = path, kind
        self._names: Sequence[str] = ()
        self._batches: Iterator[pa.RecordBatch] = iter(())
        self._rest: pa.RecordBatch | None = None
        self._place = -1

    def read(self, chunk: Chunk, names: Sequence[str]) -> Block:
        """See Reader."""
        try:
            if self._place != chunk.begin or self._names != names:
                self._names = names
                self._place = self._open(chunk)
                for _ in self._take(chunk.begin - self._place):
                    pass
            table = pa.Table.from_batches(list(self._take(chunk.rows)), schema=None).select(list(names))
            table.validate(full=True)
        except (pa.ArrowException, OSError, KeyError, ValueError) as exc:
            self._place = -1
            raise unreadable(self._path, self._kind.capitalize(), exc) from None
        return Block(table, np.arange(chunk.rows))

    def close(self) -> None:
        """See Reader."""
        self._batches, self._rest, self._place = iter(()), None, -1

    def _open(self, chunk: Chunk) -> int:
        """Begin at the last row that can be reached at once, at or before the chunk; its number."""
        self._rest = None
        if self._kind == "arrow":
            self._batches = _open_arrow(self._path, self._names)[1]
            return 0
        file = _parquet(self._path)
        groups = [file.metadata.row_group(place).num_rows for place in range(file.num_row_groups)]
        starts = [0, *accumulate(groups)]
        group = bisect_right(starts, chunk.begin) - 1
        self._batches = (
            batch
            for place in range(group, len(groups))
            for batch in file.iter_batches(chunk.rows, [place], list(self._names), use_threads=False)
        )
        return int(starts[group])

    def _take(self, rows: int) -> Iterator[pa.RecordBatch]:
        """The next rows, in batches as they come."""
        while rows:
            batch = self._rest if self._rest is not None and len(self._rest) else next(self._batches, None)
            if batch is None:
                raise ValueError("it has fewer rows than it said")
            taken = batch.slice(0, rows)
            self._rest = batch.slice(len(taken))
            self._place += len(taken)
            rows -= len(taken)
            yield taken
