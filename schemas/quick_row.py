"""The quick check of one row: accepts only what the schema accepts (plain.py)."""

from collections.abc import Sequence
from operator import itemgetter, le
from typing import Any

import numpy as np

from schemas.plain import Plain
from service.inference.features import NULL, Matrix

MOST_TYPES = 512
"""Of the combinations of types that are remembered."""


class QuickRow:
    """Turns a row into the engine's matrix where every value is plainly valid."""

    def __init__(self, features: Sequence[Plain]) -> None:
        self._width = len(features)
        names = [feature.name for feature in features]
        self._values = itemgetter(*names) if self._width > 1 else lambda row: (row[names[0]],)
        self._cells_of = [(feature.types, feature.codes, *feature.sure, feature.whole) for feature in features]
        self._lows = [feature.sure[0] for feature in features]
        self._highs = [feature.sure[1] for feature in features]
        self._numbers: set[tuple[type, ...]] = set()

    def read(self, row: Any) -> Matrix | None:
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
        """One value after the other; types that leave nothing to see but the range are remembered."""
        cells: list[float] = []
        for value, (allowed, codes, low, high, whole) in zip(values, self._cells_of, strict=True):
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
            for kind, (_, codes, _, _, whole) in zip(types, self._cells_of, strict=True)
        ):
            self._numbers.add(types)
        return np.array([cells], dtype=np.float64)
