"""The quick check of a batch: accepts only what the schema accepts (plain.py), without a step of Python a value."""

import struct
from collections.abc import Callable, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np

from schemas.plain import Plain
from service.inference.features import Matrix

_NUMBERS = {int, float}
_NUMBERS_AND_NULL = {int, float, type(None)}


class QuickBatch:
    """Turns rows into the engine's matrix where every value is plainly valid."""

    def __init__(self, features: Sequence[Plain]) -> None:
        self._names = [feature.name for feature in features]
        self._coded = [
            (place, feature.types, feature.codes.__getitem__)
            for place, feature in enumerate(features)
            if feature.codes is not None
        ]
        ranges = [feature.sure if feature.codes is None else (-np.inf, np.inf) for feature in features]
        self._lows, self._highs = np.array(ranges).T.copy()
        self._whole = [place for place, feature in enumerate(features) if feature.whole]
        self._nullable = np.array([feature.nullable for feature in features])

    def read(self, rows: Sequence[Any]) -> Matrix | None:
        """A matrix of shape (rows, features), or None where any row is not plainly valid."""
        width = len(self._names)
        try:
            if set(map(len, rows)) != {width}:
                return None
            cells = list(chain.from_iterable(map(_getter(rows[0], self._names), rows)))
            for place, types, code in self._coded:
                values = cells[place::width]
                if not types.issuperset(map(type, values)):
                    return None
                cells[place::width] = map(code, values)
        except (KeyError, TypeError):  # another name; no object
            return None
        return self._inside(cells, len(rows))

    def _inside(self, cells: list[Any], rows: int) -> Matrix | None:
        """The matrix of these cells, each a number or null, if all are in their range."""
        types = set(map(type, cells))
        if types <= _NUMBERS:
            matrix = np.empty((rows, len(self._names)))
            struct.pack_into(f"{matrix.size}d", matrix.data, 0, *cells)  # numpy would look at each value's type again
        elif types <= _NUMBERS_AND_NULL:
            matrix = np.array(cells, dtype=np.float64).reshape(rows, -1)  # None becomes NaN
        else:
            return None
        inside = (matrix >= self._lows) & (matrix <= self._highs)
        if not inside.all() and not (inside | (np.isnan(matrix) & self._nullable)).all():
            return None
        return None if self._whole and (matrix[:, self._whole] % 1 > 0).any() else matrix


def _getter(row: dict[str, Any], names: Sequence[str]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    """What takes a row's values in this order; raises KeyError where ``row`` has other names.

    It looks for the very strings that are the row's keys: the parser gives all rows the same ones, and a dict finds a
    key that is the same object without comparing a letter.
    """
    own = {name: name for name in row}
    keys = [own[name] for name in names]
    return itemgetter(*keys) if len(keys) > 1 else lambda row: (row[keys[0]],)
