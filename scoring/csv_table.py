"""A CSV with a header line, in UTF-8, with commas: its names, and chunks of its cells as strings."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from scoring.block import Block, Chunk, unreadable
from scoring.csv_rows import BOM, Scan, open_csv
from scoring.refusals import ScoringError


class CsvReader:
    """CSV: the bytes of a chunk, whose cells are read as strings."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file = open_csv(Path(path))
        self._header = read_header(Path(path))

    def read(self, chunk: Chunk, names: Sequence[str]) -> Block:
        """See Reader."""
        try:
            self._file.seek(chunk.begin)  # of a packed file: backwards only by unpacking it anew
            content = self._file.read(chunk.end - chunk.begin)
        except (OSError, EOFError) as exc:
            raise unreadable(self._path, "CSV", exc) from None
        broken: dict[int, str] = {}

        def skip(row: Any) -> str:
            broken[row.number - 1] = f"Has {row.actual_columns} cells, and the header {row.expected_columns}."
            return "skip"

        options = {"use_threads": False, "column_names": self._header, "block_size": len(content) + 1}
        try:
            table = pacsv.read_csv(
                io.BytesIO(content),
                pacsv.ReadOptions(**options),
                pacsv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip),
                pacsv.ConvertOptions(
                    include_columns=list(names),
                    column_types=dict.fromkeys(names, pa.string()),
                    strings_can_be_null=True,
                    null_values=[""],
                ),
            )
        except pa.ArrowException as exc:
            raise self._wrong(content, chunk, exc) from None
        places = np.setdiff1d(np.arange(chunk.rows), list(broken)) if broken else np.arange(chunk.rows)
        if len(places) != len(table):
            raise ScoringError(f"{self._path} has changed while it was read, or its rows cannot be told apart.")
        return Block(table, places, broken)

    def close(self) -> None:
        """See Reader."""
        self._file.close()

    def _wrong(self, content: bytes, chunk: Chunk, exc: BaseException) -> ScoringError:
        try:
            content.decode()
        except UnicodeDecodeError as wrong:
            line = content.count(b"\n", 0, wrong.start)
            return ScoringError(
                f"{self._path} is not UTF-8 at about row {chunk.first + line}: save it as UTF-8 (of Latin-1: iconv -f "
                "latin1 -t utf8)."
            )
        return unreadable(self._path, "CSV", exc)


def read_header(path: Path) -> list[str]:
    """The names of the columns.

    Raises:
        ScoringError: there is no line of names in UTF-8, separated by commas.
    """
    scan = Scan(path)
    next(scan.cuts(1), None)
    line = scan.header.lstrip(b"\r\n").removeprefix(BOM)
    try:
        names = next(csv.reader(io.StringIO(line.decode(), newline="")), [])
    except UnicodeDecodeError:
        raise ScoringError(f"{path} is not UTF-8 in its header: save it as UTF-8.") from None
    if not names:
        raise ScoringError(f"{path} has no header line.")
    if len(names) == 1 and any(mark in names[0] for mark in ";\t|"):
        raise ScoringError(f"{path}: its header {names[0]!r} is one cell. Cells must be separated by commas.")
    return names
