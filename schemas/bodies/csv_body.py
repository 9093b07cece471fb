"""Rows in CSV: UTF-8 with commas and a header line, quoted as RFC 4180 has it.

CSV has no types, so a cell is read as its feature's type asks for: a number or an integer as digits, a boolean as true
or false in any case, the rest as text. An empty cell is null, and nothing else is. A cell that cannot be read so stays
a string, which the schema refuses in the words it has for a string in JSON.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from io import StringIO
from typing import Any

import numpy as np

from inference.contract import FeatureType
from schemas.bodies.names import check_count, check_names
from schemas.cells import Column
from schemas.errors import MalformedBody
from schemas.fast_path import LARGEST_SAFE
from schemas.reader import Reader

_DIGITS = b"0123456789+-.eE"
_WHOLE = re.compile(r"[+-]?[0-9]+")
_LONGEST_WHOLE = 400
"""Digits of a whole number that is kept exact, to be refused as too large; no double has more before the point."""
_QUOTED = re.compile(r'"[^"]*+"')
_BOOLEANS = {"true": True, "false": False}

csv.field_size_limit(2**31 - 1)  # of the whole process; MAX_BODY_BYTES is the limit of a cell


def read_columns(body: bytes, reader: Reader, most_bytes: int) -> dict[str, Column]:
    """The columns of a CSV body by name; there is nothing to unpack, so ``most_bytes`` holds already.

    Raises:
        MalformedBody: it is no CSV; the line and the row, counted from 0, are named.
        InvalidInput: two columns share a name, or there are too many rows.
    """
    lines = _Lines(_text(body), len(reader.contract.names))
    parsed = csv.reader(lines, strict=True)
    names, rows = _rows(parsed, lines, reader)
    check_names(names)
    types = {feature.name: feature.type for feature in reader.contract.features}
    columns: Sequence[Sequence[str]] = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    return {name: typed_cells(types.get(name), column) for name, column in zip(names, columns, strict=True)}


class _Lines:
    """The lines of a text for the parser; a line of far too many cells is not parsed."""

    def __init__(self, text: str, features: int) -> None:
        self._lines = StringIO(text, newline="")
        self._known = range(features)
        self.width = 0

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            most = 4 * self.width + 1000
            if line.count(",") > most:
                cells = _QUOTED.sub("", line).count(",") + 1
                if not self.width:
                    check_count(cells, [""] * len(self._known))
                elif cells > most:
                    raise MalformedBody(f"A row has {cells} cells where the header has {self.width}.")
            yield line


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise MalformedBody(f"The CSV is not valid UTF-8 at byte {exc.start}; save it as UTF-8.") from None


def _rows(parsed: Any, lines: _Lines, reader: Reader) -> tuple[list[str], list[list[str]]]:
    rows: list[list[str]] = []
    try:
        names: list[str] = next(parsed, [])
        if not names:
            raise MalformedBody("The CSV has no header line: its first line must name the columns.")
        check_count(len(names), reader.contract.names)
        width = lines.width = len(names)
        for row in parsed:
            if len(row) != width:
                row = _odd_row(row, width, len(rows), parsed)
                if row is None:
                    break
            rows.append(row)
            if len(rows) > reader.most_rows:
                reader.check_count(len(rows))
    except csv.Error as exc:
        raise MalformedBody(f"The CSV cannot be read at line {parsed.line_num}, row {len(rows)}: {exc}.") from None
    return names, rows


def _odd_row(row: list[str], width: int, index: int, parsed: Any) -> list[str] | None:
    """What a row of another width means: an empty line is an empty cell where there is one column, or the end."""
    if not row and width == 1:
        return [""]
    line = parsed.line_num
    if not row and not any(parsed):
        return None
    raise MalformedBody(
        f"Row {index} of the CSV (line {line}, rows counted from 0) has {len(row)} cells, and the header has {width}."
    )


def typed_cells(kind: FeatureType | None, cells: Sequence[str]) -> Column:
    """The cells of one column as a feature of this type has them; None for a column that the contract does not have.

    It is the only reader of cells: bodies and files of ``python -m scoring`` mean the same by them.
    """
    if kind in ("number", "integer"):
        return _numbers(cells)
    if kind == "boolean":
        known = {text: _BOOLEANS.get(text.lower(), text) if text else None for text in set(cells)}
        return list(map(known.__getitem__, cells))
    if kind is None:  # unknown: what it holds does not matter
        return cells
    return [cell or None for cell in cells]


def _numbers(cells: Sequence[str]) -> Column:
    if _has_digits_alone("".join(cells)):
        try:
            found = np.array([float(cell) if cell else np.nan for cell in cells])
        except ValueError:
            pass
        else:
            with np.errstate(invalid="ignore"):
                if not (np.abs(found) > LARGEST_SAFE).any():
                    return found
    return [_number(cell) for cell in cells]


def _has_digits_alone(text: str) -> bool:
    """Whether a text has no characters but those of decimal numbers; ``float`` takes others, as in 1_000."""
    return text.isascii() and not text.encode().translate(None, _DIGITS)


def _number(cell: str) -> float | int | str | None:
    if not cell:
        return None
    if len(cell) <= _LONGEST_WHOLE and _WHOLE.fullmatch(cell):
        return int(cell)
    if not _has_digits_alone(cell):
        return cell
    try:
        return float(cell)
    except ValueError:
        return cell
