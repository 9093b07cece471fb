"""OUT and the rejected rows: written aside from the parts, and put in place when they are whole."""

import gzip
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from scoring.chunk import read_part
from scoring.job import Job
from scoring.refusals import ScoringError, writing

GROUP_ROWS = 131_072
"""Rows of a row group of Parquet."""
ENDINGS = (".parquet", ".pq", ".csv", ".csv.gz")


def check_ending(out: Path) -> None:
    """Make sure that OUT's format is known.

    Raises:
        ScoringError: its name has another ending.
    """
    if not out.name.lower().endswith(ENDINGS):
        raise ScoringError(f"{out}: its name must end in .parquet, .csv or .csv.gz.")


def check_schema(out: Path, schema: pa.Schema) -> None:
    """Make sure that OUT can hold the columns.

    Raises:
        ScoringError: a CSV cannot hold one of them.
    """
    for column in schema if _is_csv(out) else ():
        if pa.types.is_nested(column.type) or pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
            raise ScoringError(f"--keep {column.name}: CSV cannot hold its type, {column.type}. Write Parquet.")


def rejected_path(out: Path) -> Path:
    """Where the rejected rows of OUT go."""
    return out.with_name(out.name + ".rejected.csv")


@dataclass
class Written:
    """How many rows OUT has, how many were rejected, and how often for each reason."""

    rows: int = 0
    rejected: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


def put_in_place(job: Job, out: Path, schema: pa.Schema, strict: bool, check: Callable[[], None]) -> Written:
    """Write OUT and, if any, its rejected rows from all parts.

    ``check`` is called when both are written, and before they are put in place.

    Raises:
        ScoringError: they cannot be written, a row was rejected and ``strict``, or what ``check`` raises.
    """
    aside, rejected = job.folder / "out.new", job.folder / "rejected.new"
    with writing(out):
        written = _write(job, out, schema, aside, rejected)
        if strict and written.rejected:
            reason = next(iter(written.reasons))
            raise ScoringError(f"--strict: {written.rejected} rows are refused, such as for {reason}")
        check()
        if written.rejected:
            rejected.replace(rejected_path(out))
        else:
            rejected_path(out).unlink(missing_ok=True)
        aside.replace(out)
    return written


def _write(job: Job, out: Path, schema: pa.Schema, aside: Path, rejected: Path) -> Written:
    written = Written()
    with aside.open("wb") as file, rejected.open("wb") as lines:
        lines.write(b"row,errors\n")

        def tables() -> Iterator[pa.Table]:
            for content in job.parts():
                table, refused, reasons = read_part(content)
                lines.write(refused)
                written.rejected += refused.count(b"\n")
                written.reasons.update(reasons)
                yield _as(table, schema)

        with _writer(out, schema, file) as writer:
            for table in _in_groups(tables(), schema):
                writer.write_table(table)
                written.rows += len(table)
        for one in (file, lines):
            one.flush()
            os.fsync(one.fileno())
    return written


def _writer(out: Path, schema: pa.Schema, file: Any) -> Any:
    if not _is_csv(out):
        return pq.ParquetWriter(file, schema)
    if not out.name.lower().endswith(".gz"):
        return pacsv.CSVWriter(file, schema)
    return _PackedCsv(file, schema)


class _PackedCsv:
    """CSV through gzip, without the time of day in it, so that the same rows are the same bytes."""

    def __init__(self, file: Any, schema: pa.Schema) -> None:
        self._packed = gzip.GzipFile("", "wb", 6, file, mtime=0)
        self._writer = pacsv.CSVWriter(self._packed, schema)
        self.write_table = self._writer.write_table

    def __enter__(self) -> "_PackedCsv":
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()
        self._packed.close()


def _in_groups(tables: Iterator[pa.Table], schema: pa.Schema) -> Iterator[pa.Table]:
    """Tables of GROUP_ROWS rows; the last has less."""
    held: list[pa.Table] = []
    many = 0
    for table in tables:
        held.append(table)
        many += len(table)
        while many >= GROUP_ROWS:
            whole = pa.concat_tables(held)
            yield whole.slice(0, GROUP_ROWS).combine_chunks()
            held, many = [whole.slice(GROUP_ROWS)], many - GROUP_ROWS
    yield (pa.concat_tables(held) if held else schema.empty_table()).combine_chunks()


def _as(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table with OUT's own types: files of IN may differ in them where nothing is lost."""
    return table if table.schema.equals(schema) else table.cast(schema)


def _is_csv(out: Path) -> bool:
    return out.name.lower().endswith((".csv", ".csv.gz"))
