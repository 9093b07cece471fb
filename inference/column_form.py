"""How the user's own frame holds a column, and the column of such a frame made of codes.

What a pipeline was fitted on decides its answers: scikit-learn's encoders take None and NaN for two categories.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inference.contract import LARGEST_INTEGER, Feature

if TYPE_CHECKING:
    import pandas as pd

Codes = NDArray[np.float64]
CELLS: Mapping[str, Any] = {
    "str": str,
    "int": lambda value: int(value) if float(value).is_integer() else float(value),
    "float": float,
    "bool": lambda value: value == "True" if isinstance(value, str) else bool(value),
    "numpy_bool": lambda value: np.bool_(value == "True" if isinstance(value, str) else value),
}
"""By the name of a kind of cell: a contract's value as such a cell."""
NULLS = ("nan", "none", "na")


class ColumnFormError(ValueError):
    """A form that says something impossible; the message says what."""


@dataclass(frozen=True, slots=True)
class ColumnForm:
    """``dtype`` is pandas' name of it; ``null`` is what an empty cell holds: "nan", "none" or "na" (pandas' NA).

    ``values``: what the other cells are, one of CELLS. Of the dtype "category": its ``categories`` in their order, and
    whether they are ``ordered``.
    """

    dtype: str
    null: str = "nan"
    values: str = "float"
    categories: tuple[Any, ...] | None = None
    ordered: bool = False

    def __post_init__(self) -> None:
        if self.null not in NULLS or self.values not in CELLS:
            raise ColumnFormError(f"a column's null is one of {', '.join(NULLS)}, its values one of {', '.join(CELLS)}")

    def to_json(self) -> dict[str, Any]:
        """As it stands in a manifest."""
        return asdict(self) | {"categories": None if self.categories is None else list(self.categories)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "ColumnForm":
        """Read a manifest's entry.

        Raises:
            ColumnFormError: it is not one.
        """
        try:
            known = {key: document[key] for key in cls.__dataclass_fields__ if key in document}
            categories = known.get("categories")
            return cls(**known | {"categories": None if categories is None else tuple(categories)})
        except (KeyError, TypeError) as exc:
            raise ColumnFormError("a column's form is malformed") from exc


Form = str | ColumnForm
"""A column's form, or its dtype alone, as artifacts of earlier releases have it."""
Forms = Mapping[str, Form]


def dtype_of_form(form: Form) -> str:
    """The name that pandas has for the dtype."""
    return form if isinstance(form, str) else form.dtype


def form_of_dtype(feature: Feature, dtype: str) -> ColumnForm:
    """The form of a column of which only the dtype is known."""
    kinds = {"category": "str", "text": "str", "boolean": "bool", "integer": "int"}
    categories: Sequence[Any] | None = None
    if dtype == "category":
        categories = (False, True) if feature.type == "boolean" else feature.choices
    null = "none" if dtype == "object" else "nan"
    return ColumnForm(dtype, null, kinds.get(feature.type, "float"), tuple(categories) if categories else None)


def column_of(feature: Feature, form: ColumnForm, codes: Codes) -> "pd.Series[Any]":
    """The column of a frame; ``codes`` (n,) as in the matrix (features.py), NaN for null."""
    import pandas as pd

    numeric = feature.type in ("number", "integer")
    if numeric and form.dtype.startswith(("float", "int", "uint")):
        return pd.Series(codes.astype(form.dtype if form.dtype.startswith("float") or _whole(codes) else "float64"))
    missing = np.isnan(codes)
    dtype = form.dtype
    if dtype == "bool" and missing.any():  # no empty cell fits into it: read from CSV, such a column is of objects
        dtype = "object"
    if numeric and dtype.startswith(("Int", "UInt")) and not _whole(codes[~missing]):
        dtype = "Float64"
    cells = np.empty(len(codes), dtype=object)
    cells[missing] = {"nan": np.nan, "none": None, "na": pd.NA}[form.null]
    cells[~missing] = _cells(feature, form, codes[~missing])
    if dtype == "category":
        return pd.Series(pd.Categorical(cells, categories=list(form.categories or ()), ordered=form.ordered))
    return pd.Series(cells, dtype=dtype)


def _whole(codes: Codes) -> bool:
    """Whether all are integers that a double holds exactly; false of NaN."""
    return bool(((codes == np.rint(codes)) & (np.abs(codes) <= LARGEST_INTEGER)).all())


def _cells(feature: Feature, form: ColumnForm, codes: Codes) -> NDArray[Any]:
    cell = CELLS[form.values]
    found = np.empty(len(codes), dtype=object)
    if feature.type in ("number", "integer"):
        found[:] = [cell(code) for code in codes.tolist()]
        return found
    kinds: Sequence[Any] = (False, True) if feature.type == "boolean" else feature.choices or ()
    table = np.empty(len(kinds), dtype=object)
    table[:] = [cell(kind) for kind in kinds]
    return table[codes.astype(np.int64)]
