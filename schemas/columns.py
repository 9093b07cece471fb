"""Columns by name to the validated matrix of a contract, without Python code for each cell.

A vectorised check accepts whole columns. It refuses nothing: the rows in which it has a doubt go to Marshmallow one by
one, which decides and writes the errors. A property test holds the check to the schema.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.contract import Contract, Feature, Value
from inference.features import Matrix, codes_of
from inference.open_columns import Numbering, with_texts
from schemas.arrow_cells import read_arrow
from schemas.cells import NULL, Cells, Column, of_array, of_values
from schemas.fast_path import LARGEST_SAFE
from schemas.field_rules import FieldRule
from schemas.row_validator import RowValidator

__all__ = ["CheckedColumns", "Column", "ColumnReader"]

_KINDS = {"number": "number", "integer": "number", "boolean": "boolean", "category": "string", "text": "string"}
_TYPES: dict[str, tuple[type, ...]] = {"number": (int, float), "boolean": (bool,), "string": (str,)}


@dataclass(slots=True)
class CheckedColumns:
    """A matrix of shape (rows, features), and what is wrong with its rows.

    ``errors`` maps the row to its messages by field, rows in their order; what the matrix has in these rows means
    nothing, nor has any of it a meaning where a column is missing. ``total`` counts the errors, listed or not.
    """

    matrix: Matrix
    errors: dict[int, dict[str, list[str]]]
    total: int


@dataclass(slots=True)
class _Read:
    """One column that the contract has: its cells, and its part of the matrix, with the rows that are in doubt."""

    feature: Feature
    cells: Cells
    codes: NDArray[np.float64]
    doubtful: NDArray[np.bool_]
    numbering: Mapping[Any, float] | None


class ColumnReader:
    """Reads the columns of one contract."""

    def __init__(self, contract: Contract, validator: RowValidator) -> None:
        self._contract, self._validator = contract, validator
        self._rules = {rule.name: rule for rule in validator.rules}

    def count_rows(self, columns: Mapping[str, Column]) -> int:
        """How many rows the columns have.

        Raises:
            ValueError: they differ in length; whoever passes them must refuse that in the words of its format.
        """
        lengths = {len(column) for column in columns.values()}
        if len(lengths) > 1:
            raise ValueError("the columns differ in length")
        return lengths.pop() if lengths else 0

    def check(self, columns: Mapping[str, Column], most_errors: int = sys.maxsize) -> CheckedColumns:
        """The matrix, and the errors of its rows; beyond ``most_errors`` they are counted and not listed."""
        rows = self.count_rows(columns)
        matrix = np.empty((rows, len(self._contract.features)))
        read: list[_Read] = []
        for place, feature in enumerate(self._contract.features):
            if feature.name in columns:
                found = self._read(feature, columns[feature.name])
                matrix[:, place] = found.codes
                read.append(found)
        checked = CheckedColumns(matrix, {}, 0)
        odd = [name for name in columns if name not in self._rules]
        missing = len(self._rules) - len(read)
        doubtful = np.zeros(rows, dtype=np.bool_)
        for one in read:
            doubtful |= one.doubtful
        if rows and (odd or missing):
            doubtful[0] = True
        for row in np.flatnonzero(doubtful).tolist():
            self._ask(row, read, odd if row == 0 else [], missing, checked, most_errors)
        texts = {
            place: one.numbering.texts
            for place, one in zip(self._places(read), read, strict=True)
            if isinstance(one.numbering, Numbering)
        }
        checked.matrix = with_texts(self._contract.features, matrix, texts)
        return checked

    def _places(self, read: list[_Read]) -> list[int]:
        place = {name: place for place, name in enumerate(self._contract.names)}
        return [place[one.feature.name] for one in read]

    def _ask(
        self, row: int, read: list[_Read], odd: list[str], missing: int, checked: CheckedColumns, most: int
    ) -> None:
        """Let Marshmallow decide on a row; a missing column is an error of row 0 alone."""
        document = {one.feature.name: one.cells.value(row) for one in read} | dict.fromkeys(odd)
        if checked.total >= most:
            checked.total += self._validator.count_invalid(document) - missing
            return
        values: list[list[Value]] = []
        errors, count = self._validator.load(document, values)
        if row and missing:
            errors = {name: messages for name, messages in errors.items() if name in document}
            count -= missing
        if count:
            checked.errors[row] = errors
            checked.total += count
        for cells in values:
            checked.matrix[row] = [self._encode(value, one.numbering) for value, one in zip(cells, read, strict=True)]

    @staticmethod
    def _encode(value: Value, numbering: Mapping[Any, float] | None) -> float:
        if numbering is not None:
            return numbering[value]
        return NULL if value is None else float(value)

    def _read(self, feature: Feature, column: Column) -> _Read:
        cells, rule = read_cells(column), self._rules[feature.name]
        codes = codes_of(feature)
        numbering = Numbering(feature, codes) if codes is not None and feature.is_open else codes
        if cells.kind == "mixed":
            return _Read(feature, cells, *_one_by_one(cells, rule, numbering), numbering)
        if cells.kind != _KINDS[feature.type]:
            nulls = cells.nulls
            return _Read(feature, cells, np.full(len(nulls), NULL), ~nulls | (not feature.nullable), numbering)
        if numbering is not None:
            return _Read(feature, cells, *_strings(cells, rule, numbering), numbering)
        return _Read(feature, cells, cells.data, _doubtful_numbers(cells, rule, feature.nullable), None)


def read_cells(column: Column) -> Cells:
    """The cells of a column of any kind.

    Raises:
        ValueError: an array has not one dimension; whoever passes it must flatten or refuse it.
        CellsError: the strings of an Arrow column overlap so often that they are far larger than its data.
    """
    if isinstance(column, np.ndarray):
        return of_array(column)
    if type(column).__module__.partition(".")[0] == "pyarrow":
        return read_arrow(column)
    return of_values(list(column))


def _doubtful_numbers(cells: Cells, rule: FieldRule, nullable: bool) -> NDArray[np.bool_]:
    """Where numbers or booleans may break the rule."""
    data = cells.data
    if cells.kind == "boolean":
        good = ~np.isnan(data)
    else:
        most = sys.float_info.max if cells.exact else LARGEST_SAFE
        low, high = rule.bounds
        with np.errstate(invalid="ignore"):
            good = (data >= max(low, -most)) & (data <= min(high, most))
            if rule.whole:
                good &= data == np.floor(data)
            if rule.choices is not None:
                good &= np.isin(data, [choice for choice in rule.choices if type(choice) in (int, float)])
    return np.asarray(~(good | np.isnan(data)) if nullable else ~good, dtype=np.bool_)


def _strings(
    cells: Cells, rule: FieldRule, numbering: Mapping[Any, float]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The codes of strings, and where they may break the rule; each different string is looked at once."""
    good = [rule.is_valid(text) for text in (*cells.strings, None)]  # null is at place -1
    codes = [numbering[text] if valid else NULL for text, valid in zip((*cells.strings, None), good, strict=True)]
    return np.array(codes, dtype=np.float64)[cells.data], ~np.array(good, dtype=np.bool_)[cells.data]


def _one_by_one(
    cells: Cells, rule: FieldRule, numbering: Mapping[Any, float] | None
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    good = np.fromiter((rule.is_valid(value) for value in cells.data), np.bool_, len(cells.data))
    codes = [
        ColumnReader._encode(value, numbering) if valid else NULL
        for value, valid in zip(cells.data, good.tolist(), strict=True)
    ]
    return np.array(codes, dtype=np.float64), ~good
