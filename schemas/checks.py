"""The quick check: accepts only what the row schema accepts, without an object a value.

It never refuses: what it does not accept goes to Marshmallow, which decides and writes the errors. A property test
holds the two together.
"""

from collections.abc import Sequence
from operator import itemgetter, le
from typing import Any

import numpy as np

from service.inference.contract import LARGEST_INTEGER, Contract, Feature
from service.inference.features import NULL, Matrix, codes_of

MOST_TYPES = 512
"""Of the combinations of types that are remembered."""


class QuickCheck:
    """Turns rows into the engine's matrix where every value is plainly valid."""

    def __init__(self, contract: Contract) -> None:
        self._columns = [_Column(contract, feature) for feature in contract.features]
        self._plain = [column.plain for column in self._columns]
        self._lows = [low for _, _, low, _, _ in self._plain]
        self._highs = [high for _, _, _, high, _ in self._plain]
        self._numbers: set[tuple[type, ...]] = set()
        self._width = len(self._columns)
        self._names = names = contract.names
        first = names[0]
        self._values = itemgetter(*names) if len(names) > 1 else lambda row: (row[first],)

    def row(self, row: Any) -> Matrix | None:
        """A matrix of shape (1, features), or None where the row is not plainly valid."""
        if type(row) is not dict or len(row) != self._width:
            return None
        try:
            values = self._values(row)
            types = tuple(map(type, values))
            if types not in self._numbers:
                return self._cells(values, types)
        except KeyError:
            return None
        inside = all(map(le, self._lows, values)) and all(map(le, values, self._highs))
        return np.array([values], dtype=np.float64) if inside else None

    def _cells(self, values: Sequence[Any], types: tuple[type, ...]) -> Matrix | None:
        """One value after the other; types that leave nothing to see but the bounds are remembered."""
        cells: list[float] = []
        for value, (allowed, codes, low, high, whole) in zip(values, self._plain, strict=True):
            if type(value) not in allowed:
                return None
            if codes is not None:
                cells.append(codes[value])
            elif value is None:
                cells.append(NULL)
            elif low <= value <= high and not (whole and value % 1):
                cells.append(value)
            else:
                return None
        if len(self._numbers) < MOST_TYPES and all(
            codes is None and (kind is int or (kind is float and not whole))
            for kind, (_, codes, _, _, whole) in zip(types, self._plain, strict=True)
        ):
            self._numbers.add(types)
        return np.array([cells], dtype=np.float64)

    def rows(self, rows: Sequence[Any]) -> Matrix | None:
        """A matrix of shape (rows, features), or None where any row is not plainly valid."""
        if set(map(type, rows)) != {dict} or set(map(len, rows)) != {self._width}:
            return None
        matrix = np.empty((len(rows), self._width))
        try:
            for index, values in enumerate(zip(*map(self._values, rows), strict=True)):
                matrix[:, index] = self._columns[index].column(values)
        except (KeyError, TypeError, ValueError):
            return None
        return matrix

    def wrong(self, row: Any) -> int:
        """How many fields of a row the schema would refuse, without writing a message each."""
        if type(row) is not dict:
            return 1
        given = sum(name in row for name in self._names)
        wrong = (len(row) - given) + (self._width - given)
        return wrong + sum(
            not column.right(row[name]) for name, column in zip(self._names, self._columns, strict=True) if name in row
        )


class _Column:
    """The check of one feature, of one value or of a whole column; raises where in doubt."""

    def __init__(self, contract: Contract, feature: Feature) -> None:
        self._bounds = low, high = contract.bounds(feature)
        # Beyond 2^53 a number may have been an integer that was rounded on its way: Marshmallow sees to those.
        self._low, self._high = max(low, -float(LARGEST_INTEGER)), min(high, float(LARGEST_INTEGER))
        self._whole = feature.type == "integer"
        types, codes = _kinds(feature)
        null: dict[Any, float] = {None: NULL} if feature.nullable else {}
        self._codes = None if codes is None else codes | null
        self._types = types | {type(value) for value in null}
        self.plain = self._types, self._codes, self._low, self._high, self._whole

    def right(self, value: Any) -> bool:
        """Exactly what the schema's field accepts."""
        kind = type(value)
        if value is None or kind in (bool, str):
            return kind in self._types and (self._codes is None or value in self._codes)
        if kind not in (int, float) or not self._types & {int, float}:
            return False
        if self._codes is not None:
            return value in self._codes
        low, high = self._bounds
        return (
            low <= value <= high
            and (kind is float or abs(value) <= LARGEST_INTEGER)
            and not (self._whole and value % 1)
        )

    def column(self, values: Sequence[Any]) -> Any:
        if not self._types.issuperset(map(type, values)):
            raise TypeError
        if self._codes is not None:
            return [self._codes[value] for value in values]
        column = np.array(values, dtype=np.float64)  # None becomes NaN
        inside = (column >= self._low) & (column <= self._high)
        if self._whole:
            inside &= column % 1 == 0
        if not (inside | np.isnan(column)).all():
            raise ValueError
        return column


def _kinds(feature: Feature) -> tuple[frozenset[type], dict[Any, float] | None]:
    """The types of a feature's plain values, and the code of each value where they are counted out."""
    if feature.type == "category":
        codes = codes_of(feature) or {}
        return frozenset({str}), {value: code for value, code in codes.items() if value is not None}
    if feature.type == "boolean":
        return frozenset({bool}), {False: 0.0, True: 1.0}
    if feature.choices is not None:
        return frozenset({int}), {value: float(value) for value in feature.choices}
    return frozenset({int, float}), None
