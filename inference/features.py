"""Rows of JSON values to the matrix that every engine takes, and the matrix to the frame that a pipeline takes.

The matrix is float64, one row a row, one column a feature in contract order: a number or an integer stands for
itself, a boolean is 0 or 1, a category is its index in ``choices``, null is NaN. All of them are exact in a double.
Strings that the contract does not list are numbered as they come: see ``open_columns``.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inference.column_form import Forms, column_of, form_of_dtype
from inference.contract import Contract, Feature, Value
from inference.open_columns import Numbering, listed, with_texts

if TYPE_CHECKING:
    import pandas as pd

Matrix = NDArray[np.float64]
NULL = float("nan")


def codes_of(feature: Feature) -> dict[Any, float] | None:
    """The code of each listed value of a category or text in the matrix, and of null; None for the other types."""
    if feature.type not in ("category", "text"):
        return None
    return {choice: float(code) for code, choice in enumerate(feature.choices or ())} | {None: NULL}


def numbering_of(feature: Feature) -> dict[Any, float] | None:
    """The same for one matrix to come: a string that an open feature does not list gets a code when it is met."""
    codes = codes_of(feature)
    return Numbering(feature, codes) if codes is not None and feature.is_open else codes


def encode(contract: Contract, rows: Iterable[Sequence[Value]]) -> Matrix:
    """Valid rows, each with its values in contract order, as a matrix of shape (rows, features)."""
    codes = [numbering_of(feature) for feature in contract.features]
    cells = [[_encode(value, code) for value, code in zip(row, codes, strict=True)] for row in rows]
    matrix = np.array(cells, dtype=np.float64).reshape(len(cells), len(codes))
    return with_texts(
        contract.features, matrix, {i: code.texts for i, code in enumerate(codes) if isinstance(code, Numbering)}
    )


def decode(contract: Contract, forms: Forms, matrix: Matrix) -> "pd.DataFrame":
    """The same rows as a DataFrame like the one the pipeline was fitted on, each column in its form.

    The only maker of frames: of training, packing, the parity gate, the golden rows and the engine of scikit-learn.
    """
    import pandas as pd

    codes, columns = np.asarray(matrix), {}
    for place, feature in enumerate(contract.features):
        form = forms[feature.name]
        known = form_of_dtype(feature, form) if isinstance(form, str) else form
        valued = listed(feature, matrix, place) if feature.is_open else feature
        columns[feature.name] = column_of(valued, known, codes[:, place])
    return pd.DataFrame(columns)


def _encode(value: Value, codes: dict[Any, float] | None) -> float:
    if codes is not None:
        return codes[value]
    return NULL if value is None else float(value)
