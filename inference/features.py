"""Rows of JSON values to the matrix that every engine takes, and the matrix to the frame that a pipeline takes.

The matrix is float64, one row a row, one column a feature in contract order: a number or an integer stands for
itself, a boolean is 0 or 1, a category is its index in ``choices``, null is NaN. All of them are exact in a double.
Strings that the contract does not list are numbered as they come: see ``open_columns``.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

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


def decode(contract: Contract, dtypes: Mapping[str, str], matrix: Matrix) -> "pd.DataFrame":
    """The same rows as a DataFrame like the one the pipeline was fitted on, each column in its dtype."""
    import pandas as pd

    codes = np.asarray(matrix)
    return pd.DataFrame(
        {
            feature.name: _decode(
                listed(feature, matrix, column) if feature.is_open else feature,
                dtypes[feature.name],
                codes[:, column],
            )
            for column, feature in enumerate(contract.features)
        }
    )


def _encode(value: Value, codes: dict[Any, float] | None) -> float:
    if codes is not None:
        return codes[value]
    return NULL if value is None else float(value)


def _decode(feature: Feature, dtype: str, column: Matrix) -> Any:
    import pandas as pd

    missing = np.isnan(column)
    if feature.type in ("number", "integer"):
        if dtype[0].isupper():  # pandas' nullable dtypes: Int64, Float32
            cells = column.astype(object)
            cells[missing] = None
            return pd.Series(cells, dtype=dtype)
        integral = dtype.startswith(("int", "uint"))
        return column if integral and missing.any() else column.astype(dtype)
    kinds: Sequence[Any] = (False, True) if feature.type == "boolean" else feature.choices or ()
    values = np.empty(len(column), dtype=object)
    values[~missing] = np.array(kinds, dtype=object)[column[~missing].astype(np.int64)]
    values[missing] = None if dtype == "object" else np.nan
    if dtype == "category":
        return pd.Categorical(values, categories=list(kinds))
    return pd.Series(values, dtype=dtype)
