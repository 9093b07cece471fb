"""The frame of the user's sample, and the form in which each column of a served row must reach the pipeline.

First the fitted pipeline is asked what it was fitted on, then the sample shows it. Where two kinds of null would be
answered differently, and neither tells which is meant, the column is refused.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from inference.column_form import NULLS, ColumnForm, column_of
from inference.contract import Contract, Feature
from inference.features import Matrix
from inference.open_columns import listed
from training.errors import TrainingError
from training.fitted_values import FittedValues, null_kind
from training.nulls import Nulls

ARROW_FLOATS = {"double[pyarrow]": "Float64", "float[pyarrow]": "Float32"}
CELL_KINDS = {"boolean": "bool", "integer": "int", "number": "int"}
"""The kind of cell of a column of objects, by the feature's type; a number that is not whole stays a float."""
MEANINGS = {"nan": "NaN", "none": "None", "na": "pandas' NA"}


def as_fitted(column: "pd.Series[Any]", fitted: FittedValues, warn: Callable[[str], None]) -> "pd.Series[Any]":
    """A column of the sample as the fit saw it: texts where a file without dtypes made numbers or booleans of them.

    Raises:
        TrainingError: the texts cannot be told from the numbers.
    """
    present = column.dropna()
    if not fitted.texts or present.empty or any(isinstance(value, str) for value in present.unique()):
        return column
    texts = column.map(_text, na_action="ignore").astype("str")
    shown = sorted(fitted.values)[0]
    if strange := sorted(set(texts.dropna()) - fitted.values):
        raise TrainingError(
            f"column {column.name!r} was fitted on texts such as {shown!r}, but the sample holds {strange[0]} as "
            "another type: give the sample as Parquet, which keeps types."
        )
    warn(f"column {column.name!r} was fitted on texts such as {shown!r}: the sample's values are read as texts.")
    return texts


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def form_of(column: "pd.Series[Any]", feature: Feature) -> ColumnForm:
    """How the sample's own frame holds a column.

    Raises:
        TrainingError: the cells are of several kinds, so that no rule makes them of JSON values.
    """
    dtype, values = (
        _dtype(column),
        {"category": "str", "text": "str", "boolean": "bool", "integer": "int"}.get(feature.type, "float"),
    )
    if isinstance(column.dtype, pd.CategoricalDtype):
        categories = tuple(column.cat.categories.tolist())
        return ColumnForm(
            "category", "nan", _kind(column, set(map(type, categories))), categories, bool(column.cat.ordered)
        )
    if dtype in ("object", "str", "string") or feature.type in ("boolean", "category", "text"):
        values = _kind(column, {type(value) for value in column.dropna()}) or values
    nulls = {null_kind(value) for value in column[column.isna()]} if dtype == "object" else set()
    return ColumnForm(dtype, next((kind for kind in NULLS if kind in nulls), "nan"), values)


def _dtype(column: "pd.Series[Any]") -> str:
    """Integers in 64 bits, since a narrow one would wrap a number beyond it; Arrow's numbers become pandas' own."""
    if pd.api.types.is_integer_dtype(column.dtype):
        return "int64" if isinstance(column.dtype, np.dtype) else "Int64"
    return ARROW_FLOATS.get(str(column.dtype), str(column.dtype))


def _kind(column: "pd.Series[Any]", types: set[type]) -> str:
    if types <= {str}:
        return "str"
    if types <= {bool}:
        return "bool"
    if types <= {np.bool_}:
        return "numpy_bool"
    if any(issubclass(kind, str | bool | np.bool_) for kind in types):
        names = ", ".join(sorted(kind.__name__ for kind in types))
        raise TrainingError(f"column {column.name!r} holds values of several types ({names}): make them one, and fit.")
    return "int" if all(issubclass(kind, int | np.integer) for kind in types) else "float"


@dataclass(frozen=True, slots=True)
class OwnFrame:
    """``forms`` of the columns that a served row is made with; ``frame``: the user's own rows, nulls as fitted."""

    forms: Mapping[str, ColumnForm]
    frame: pd.DataFrame


def own_frame(
    pipeline: Any,
    contract: Contract,
    matrix: Matrix,
    sample: pd.DataFrame,
    fitted: Mapping[str, FittedValues],
    warn: Callable[[str], None],
) -> OwnFrame:
    """Find the form of each column; ``sample`` holds the contract's columns in order, ``matrix`` the same as codes.

    Raises:
        TrainingError: a column's form cannot be told; it names the column.
    """
    frame, forms, filled = sample.copy(deep=False), {}, sample.apply(_filled)
    for place, feature in enumerate(contract.features):
        name, codes = feature.name, matrix[:, place]
        forms[name] = form_of(sample[name], feature)
        if _were_objects(fitted[name], feature, forms[name].dtype):
            forms[name] = replace(forms[name], dtype="object", values=CELL_KINDS[feature.type])
            frame[name] = filled[name] = column_of(
                listed(feature, matrix, place) if feature.is_open else feature, forms[name], codes
            ).set_axis(frame.index)
        if feature.nullable:
            nulls = Nulls(pipeline, feature, forms[name], sample[name], filled, fitted[name])
            forms[name] = nulls.settle()
            if nulls.present - {nulls.held(forms[name])}:
                frame[name] = column_of(
                    listed(feature, matrix, place) if feature.is_open else feature, forms[name], codes
                ).set_axis(frame.index)
                if nulls.told:
                    warn(
                        f"column {name!r}: its empty cells reach the pipeline as {MEANINGS[nulls.held(forms[name])]}, "
                        f"as in its fit; in the sample they are {_listed(nulls.present)}."
                    )
        elif fitted[name].nulls:
            warn(
                f"column {name!r} had empty cells in the fit, the sample has none: null is refused. To allow it, "
                "declare the column nullable with --contract."
            )
    return OwnFrame(forms, frame)


def _were_objects(fitted: FittedValues, feature: Feature, dtype: str) -> bool:
    """Whether a column of numbers or booleans was one of objects in the fit: a file without such cells hides it.

    An imputer takes no column of booleans: where it meets one, that held empty cells too.
    """
    if not dtype.startswith(("bool", "int", "float")) or feature.type not in CELL_KINDS:
        return False
    return fitted.objects or (dtype == "bool" and bool(fitted.filled))


def _filled(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Without nulls, where it has any other value: while one column is asked about, the others are ordinary."""
    present = column.dropna()
    return column if present.empty or len(present) == len(column) else column.fillna(present.iloc[0])


def _listed(kinds: set[str]) -> str:
    return " and ".join(MEANINGS[kind] for kind in NULLS if kind in kinds)
