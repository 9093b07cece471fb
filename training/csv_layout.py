"""The layout of a CSV file: its names, its rows, and whether every row has a field for each name.

One pass over the file, in memory that does not grow with it, before anything is read from it.
"""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from training.csv_header import check_header, row_names_error
from training.errors import TrainingError
from training.opening import UNPACKING_ERRORS, narrow_encoding, open_bytes, open_text, suffix_of, unpacking_error

DELIMITERS = {";": "';'", "\t": "'\\t'", "|": "'|'", ",": "','"}
LOOKED_AT = 1000
"""Rows in which a header's names are looked for."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a CSV file is written.

    ``missing``: texts, beside pandas' own, that mean null. ``na``: where given, these alone do. ``header``: whether the
    first line names the columns; None: it should, and is refused where it looks like a row. ``index_column``: the
    first field of each row numbers it, and has no name.
    """

    delimiter: str = ","
    decimal: str = "."
    encoding: str = "utf-8-sig"
    missing: tuple[str, ...] = ()
    na: tuple[str, ...] | None = None
    header: bool | None = None
    index_column: bool = False

    def delimiter_of(self, path: Path) -> str:
        """Of a .tsv it is the tab."""
        return "\t" if suffix_of(path) == ".tsv" else self.delimiter


@dataclass(frozen=True, slots=True)
class Layout:
    """``names``: of the columns that are read. ``places``: where in a row each of them stands, of ``width`` fields."""

    path: Path
    names: tuple[str, ...]
    places: tuple[int, ...]
    width: int
    rows: int


@dataclass(slots=True)
class _Lengths:
    """What the pass has seen: rows, those with one field too many, and whether all of these end in an empty one."""

    rows: int = 0
    longer: int = 0
    trailing: bool = True
    first: list[list[str]] = field(default_factory=list)


def layout_of(path: Path, dialect: Dialect) -> Layout:
    """Read the file once and check its form.

    Raises:
        TrainingError: it is no CSV in this dialect; the message names the line, and what to type.
    """
    delimiter = dialect.delimiter_of(path)
    with open_text(path, dialect.encoding) as handle:
        lines = _lines(path, dialect, handle)
        reader = csv.reader(lines, delimiter=delimiter)
        try:
            head = next((row for row in reader if not _blank(row)), None)
            if head is None:
                raise TrainingError(f"{path} is empty: export the table again.")
            _check_delimiter(path, head, delimiter)
            seen = _measure(path, reader, len(head), delimiter)
        except csv.Error as exc:
            raise TrainingError(
                f"{path} line {reader.line_num} cannot be read as CSV: {exc}. Check its quotes."
            ) from None
    return _layout(path, dialect, head, seen)


def rows_of_file(path: Path, dialect: Dialect) -> tuple[IO[str], Iterator[list[str]]]:
    """The open file at its first row, and a reader of the rows; the header, if it has one, has been read."""
    handle = open_text(path, dialect.encoding)
    reader = csv.reader(handle, delimiter=dialect.delimiter_of(path))
    if dialect.header is not False:
        next(row for row in reader if not _blank(row))
    return handle, (row for row in reader if not _blank(row))


def _lines(path: Path, dialect: Dialect, handle: IO[str]) -> Iterator[str]:
    """The file's lines; what cannot be decoded, or is no text, is refused by its line."""
    number = 0
    try:
        for number, line in enumerate(handle, 1):
            if "\0" in line:
                raise TrainingError(f"{path} is no text: line {number} holds a zero byte. Export it again.")
            yield line
    except UnicodeError:
        raise _undecodable(path, dialect.encoding) from None
    except UNPACKING_ERRORS as exc:
        raise unpacking_error(path, exc) from None


def _undecodable(path: Path, encoding: str) -> TrainingError:
    name = encoding.removesuffix("-sig")
    with open_bytes(path) as content:
        for number, line in enumerate(content, 1):
            try:
                line.decode(encoding)
            except UnicodeError:
                way = narrow_encoding(line)
                return TrainingError(
                    f"{path} is not written in {name} (line {number}): say --encoding {way}, or save it as UTF-8."
                )
    return TrainingError(f"{path} is not written in {name}: say another --encoding, or save it as UTF-8.")


def _blank(row: Sequence[str]) -> bool:
    return not row or (len(row) == 1 and not row[0].strip())


def _check_delimiter(path: Path, head: Sequence[str], delimiter: str) -> None:
    if len(head) != 1:
        return
    for other, shown in DELIMITERS.items():
        if other != delimiter and other in head[0]:
            raise TrainingError(
                f"{path} has one column only, {head[0]!r}: it looks separated by {shown}. Say --delimiter {shown}."
            )


def _measure(path: Path, reader: Iterator[list[str]], width: int, delimiter: str) -> _Lengths:
    """Count the rows. All of one length are well; all longer by one are the caller's to judge; others are refused."""
    seen = _Lengths()
    for row in reader:
        if len(row) == width:
            if seen.longer:
                raise _ragged(path, seen.first[0], 2, width, delimiter)
        elif _blank(row):
            continue
        elif len(row) == width + 1 and seen.longer == seen.rows:
            seen.longer += 1
            seen.trailing = seen.trailing and not row[-1].strip()
        else:
            line = getattr(reader, "line_num", 0)
            first = (seen.first[0], 2) if seen.longer else (row, line)
            raise _ragged(path, *first, width, delimiter)
        seen.rows += 1
        if len(seen.first) < LOOKED_AT:
            seen.first.append(row)
    return seen


def _ragged(path: Path, row: Sequence[str], line: int, width: int, delimiter: str) -> TrainingError:
    fields = f"{len(row)} field{'s' * (len(row) != 1)}"
    cause = (
        f"a text that holds {DELIMITERS.get(delimiter, repr(delimiter))} must stand in quotes"
        if len(row) > width
        else "an empty field still needs its delimiter, and a quote that is opened must be closed"
    )
    return TrainingError(
        f"{path} line {line} has {fields}, where its header names {width} columns: {cause}. Correct the line, or "
        "check --delimiter."
    )


def _layout(path: Path, dialect: Dialect, head: list[str], seen: _Lengths) -> Layout:
    width, names, skipped = len(head), list(head), 0
    if seen.longer and not seen.trailing:
        if not dialect.index_column:
            raise row_names_error(path, seen.first, width)
        width, skipped = width + 1, 1
    elif seen.longer:
        width += 1  # each row ends with a delimiter
    elif dialect.index_column:
        if names[0].strip():
            raise TrainingError(
                f"--index-column: {path} names its first column {names[0]!r}: leave --index-column out."
            )
        names, skipped = names[1:], 1
    rows = seen.rows
    if dialect.header is False:
        names, rows = [f"column_{place}" for place in range(1, len(names) + 1)], rows + 1
    elif dialect.header is None and not skipped:
        check_header(path, names, seen.first)
    places = tuple(range(skipped, skipped + len(names)))
    return Layout(path, tuple(_named(names)), places, width, rows)


def _named(names: Sequence[str]) -> list[str]:
    """Columns without a name get the one that pandas gives them."""
    return [name if name.strip() else f"Unnamed: {place}" for place, name in enumerate(names)]


def sampled(layout: Layout, dialect: Dialect, wanted: NDArray[np.int64]) -> Callable[[], IO[str]]:
    """The rows at these ascending places as a CSV of their own, made once and opened as often as wanted.

    It is held as UTF-8: a text in memory takes four bytes for each character.
    """
    handle, reader = rows_of_file(layout.path, dialect)
    content = io.BytesIO()
    text = io.TextIOWrapper(content, "utf-8", newline="")
    writer = csv.writer(text, delimiter=dialect.delimiter_of(layout.path), lineterminator="\n")
    found = 0
    with handle:
        for place, row in enumerate(reader):
            if found < len(wanted) and place == wanted[found]:
                writer.writerow(row)
                found += 1
    text.flush()
    packed = content.getvalue()
    return lambda: io.TextIOWrapper(io.BytesIO(packed), "utf-8", newline="")
