"""Strings that no contract lists, carried by the matrix of doubles: texts, and unseen values of open categories.

Such a string has a code as the choices have, the next free one of its column. A matrix with such codes carries the
strings along, also when rows are selected, copied or put in another order. Without them it is a plain array, so models
without open columns never meet this module.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.contract import Contract, Feature

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Unlisted:
    """The strings of one column: ``texts[i]`` has the code ``start + i``; the codes below are those of the choices."""

    start: int
    texts: Sequence[str]


class OpenMatrix(np.ndarray[Any, np.dtype[np.float64]]):
    """A matrix of codes with the strings behind them: ``unlisted``, by column."""

    unlisted: Mapping[int, Unlisted]

    def __array_finalize__(self, made_from: Any) -> None:
        """Hand the strings on to views and copies."""
        self.unlisted = getattr(made_from, "unlisted", {})


class Numbering(dict[Any, float]):
    """The code of each value of an open column, null included; a string that it does not know gets the next one."""

    def __init__(self, feature: Feature, listed: Mapping[Any, float]) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._listed, self._start = listed, len(feature.choices or ())

    def __missing__(self, value: Any) -> float:
        """Number the value, once."""
        code = self._listed.get(value)
        if code is None:
            code = float(self._start + len(self.texts))
            self.texts.append(value)
        self[value] = code
        return code


def with_texts(features: Sequence[Feature], matrix: Matrix, texts: Mapping[int, Sequence[str]]) -> Matrix:
    """The matrix with the strings of its open columns; itself where they have none."""
    found = {place: Unlisted(len(features[place].choices or ()), some) for place, some in texts.items() if some}
    if not found:
        return matrix
    made = matrix.view(OpenMatrix)
    made.unlisted = found
    return made


def texts_of(matrix: Matrix) -> dict[int, Sequence[str]]:
    """The strings of a matrix by column: empty where it has none."""
    return {place: one.texts for place, one in matrix.unlisted.items()} if isinstance(matrix, OpenMatrix) else {}


def listed(feature: Feature, matrix: Matrix, place: int) -> Feature:
    """An open feature as a category of all the strings that stand behind the codes of its column.

    Without strings, all codes of a text are its example: rows that are made up, to try numbers, have none.
    """
    texts = texts_of(matrix).get(place, ())
    if feature.type == "text":
        texts = texts or (feature.example if isinstance(feature.example, str) else "",)
    choices: Any = (*(feature.choices or ()), *texts)
    return replace(feature, type="category", choices=choices, unseen=None, maximum_length=None)


def for_graph(matrix: Matrix) -> Matrix:
    """The matrix as a graph takes it: every unseen value of a category has the code after those of its choices."""
    plain = np.array(matrix, dtype=np.float64, subok=False)
    for place, unlisted in matrix.unlisted.items() if isinstance(matrix, OpenMatrix) else ():
        np.minimum(plain[:, place], unlisted.start, out=plain[:, place])  # NaN stays
    return plain


def unseen_rows(contract: Contract, matrix: Matrix) -> Iterable[tuple[str, int]]:
    """The open categories with unseen values, and in how many rows each has one."""
    for place, unlisted in matrix.unlisted.items() if isinstance(matrix, OpenMatrix) else ():
        if contract.features[place].type == "category":
            yield contract.names[place], int(np.count_nonzero(matrix[:, place] >= unlisted.start))


def key_of(matrix: Matrix) -> bytes:
    """Bytes that are equal where the rows are."""
    texts = texts_of(matrix)
    return matrix.tobytes() + repr(sorted(texts.items())).encode() if texts else matrix.tobytes()
