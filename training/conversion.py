"""Convert a column to its feature's type, and a frame to the matrix of codes that every engine takes."""

import math
from typing import Any

import numpy as np
import pandas as pd

from inference.contract import LARGEST_INTEGER, Feature, FeatureType
from inference.features import Matrix, numbering_of
from inference.open_columns import Numbering, with_texts
from training.errors import ColumnError, TrainingError


def converted(column: "pd.Series[Any]", kind: FeatureType) -> "pd.Series[Any]":
    """The column's values in the type ``kind``: 0 and 1 as booleans, integers as texts, and so on.

    Raises:
        TrainingError: a value has no such form, is infinite, or is an integer beyond 2^53.
    """
    try:
        if kind in ("category", "text"):
            plain = isinstance(column.dtype, pd.CategoricalDtype) and all(
                isinstance(value, str) for value in column.cat.categories
            )
            return column if plain else column.map(str, na_action="ignore").astype("str")
        if kind == "boolean":
            return _booleans(column)
        plain_numbers = pd.to_numeric(pd.Series(column.array, dtype=object, name=column.name))
        if kind == "integer" and (plain_numbers.dropna().abs() > LARGEST_INTEGER).any():
            raise ColumnError(
                str(column.name),
                "holds integers beyond 2^53, which JSON numbers do not carry exactly",
                f"if it is an id, leave it out with --drop {column.name!r}; else say --type '{column.name}=number'",
                f"if such numbers may be rounded, say --type '{column.name}=number'",
            )
        numbers = plain_numbers.astype("Float64" if kind == "number" else "Int64")
    except (ValueError, TypeError, OverflowError):
        raise TrainingError(
            f"column {column.name!r} cannot be {kind}: it holds {_strange(column, kind)!r}. Correct it, or declare "
            "another type."
        ) from None
    if kind == "number" and np.isinf(numbers.dropna().to_numpy(np.float64)).any():
        raise TrainingError(f"column {column.name!r} holds infinite values: correct them, or make them missing.")
    return numbers


def _strange(column: "pd.Series[Any]", kind: FeatureType) -> Any:
    """The first value that cannot be converted."""

    def fits(value: Any) -> bool:
        try:
            number = float(value)
        except (TypeError, ValueError):
            return False
        return number in (0, 1) if kind == "boolean" else kind == "number" or number.is_integer()

    present = column.dropna().tolist()
    return next((value for value in present if not fits(value)), present[0])


def _booleans(column: "pd.Series[Any]") -> "pd.Series[Any]":
    if not column.dropna().isin([0, 1]).all():
        raise ValueError
    return column.astype("Float64").astype("boolean")


def matrix_of(features: tuple[Feature, ...], frame: pd.DataFrame) -> Matrix:
    """The rows of a frame whose columns are converted, as codes; shape (rows, features)."""
    matrix = np.empty((len(frame), len(features)), dtype=np.float64)
    texts = {}
    for place, feature in enumerate(features):
        column, codes = frame[feature.name], numbering_of(feature)
        if codes is not None:
            column = column.astype(object).map(codes.__getitem__, na_action="ignore")
        if isinstance(codes, Numbering):
            texts[place] = codes.texts
        matrix[:, place] = column.astype("Float64").to_numpy(np.float64, na_value=math.nan)
    return with_texts(features, matrix, texts)


def dtype_of(feature: Feature) -> str:
    """The pandas dtype of a feature in our own pipelines: one that holds its nulls and that scikit-learn takes."""
    if feature.type in ("category", "text"):
        return "str"
    if feature.nullable or feature.type == "number":
        return "float64"
    return "int64" if feature.type == "integer" else "bool"
