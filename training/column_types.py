"""The type of a column's values, and reasons against using it as a feature."""

import re
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
from pandas.api import types

from inference.contract import FeatureType
from training.errors import TrainingError

_DATE = re.compile(
    r"\s*(\d{4}[-/.]\d{1,2}([-/.]\d{1,2})?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}|\d{1,2} ?[A-Za-z]{3,9}\.? ?\d{4}"
    r"|[A-Za-z]{3,9}\.? \d{1,2},? \d{4})([T ,]+\d{1,2}:\d{2}.*)?\s*|\d{1,2}:\d{2}(:\d{2})?"
)
_NUMBER = re.compile(r"\s*[-+]?(\d+([.,' ]\d+)*|[.,]\d+)([eE][-+]?\d+)?\s*")
_GROUPED = re.compile(r"\s*[-+]?\d{1,3}([,' ]\d{3})*(\.\d+)?\s*")
_MARK = re.compile(r"\d[,' ]\d{3}")
MOST_CHOICES = 1000
DATE_ADVICE = (
    "turn it into a number before training (days since an event, hour, month), and send that number, "
    "or leave it out with --drop"
)


def kind_of(column: "pd.Series[Any]") -> FeatureType:
    """The feature type of the column's values, nulls aside.

    Raises:
        TrainingError: it holds dates, or values that are none of JSON's.
    """
    dtype, name = column.dtype, column.name
    if types.is_bool_dtype(dtype):
        return "boolean"
    if types.is_integer_dtype(dtype):
        return "integer"
    if types.is_float_dtype(dtype):
        return "number"
    if types.is_datetime64_any_dtype(dtype) or types.is_timedelta64_dtype(dtype) or isinstance(dtype, pd.PeriodDtype):
        raise TrainingError(f"column {name!r} holds dates: {DATE_ADVICE} {name!r}.")
    present = column.dropna()
    found = {type(value) for value in present}
    if any(issubclass(kind, date | time | timedelta) for kind in found):
        raise TrainingError(f"column {name!r} holds dates: {DATE_ADVICE} {name!r}.")
    if found and found <= {bool}:
        return "boolean"
    if found and found <= {int}:
        return "integer"
    if found and found <= {int, float, Decimal}:
        return "number"
    if not found <= {str}:
        names = ", ".join(sorted(kind.__name__ for kind in found))
        raise TrainingError(
            f"column {name!r} holds values of the type {names}: make it numbers, texts or booleans, or leave it out "
            f"with --drop {name!r}."
        )
    _check_texts(present)
    return "category"


def _check_texts(present: "pd.Series[Any]") -> None:
    """Refuse texts that are dates or badly formatted numbers: as categories they are of no use."""
    name, texts = present.name, present.unique().tolist()
    if not texts:
        return
    if sum(1 for text in texts if _DATE.fullmatch(text)) >= 0.9 * len(texts):
        raise TrainingError(f"column {name!r} holds dates such as {texts[0]!r}: {DATE_ADVICE} {name!r}.")
    strange = [text for text in texts if not _NUMBER.fullmatch(text)]
    if len(strange) > 0.2 * len(texts):
        return
    if strange:
        raise TrainingError(
            f"column {name!r} holds numbers, but also the text {strange[0]!r}: if that means missing, say "
            f"--missing {strange[0]!r}; else correct it, or declare the column a category with --contract."
        )
    if len(texts) > 20 and all(_GROUPED.fullmatch(text) for text in texts) and any(map(_MARK.search, texts)):
        shown = next(filter(_MARK.search, texts))
        raise TrainingError(
            f"column {name!r} holds numbers with marks between thousands such as {shown!r}: export them plainly."
        )
    if len(texts) > 20 and any("," in text for text in texts):
        raise TrainingError(
            f"column {name!r} holds numbers such as {texts[0]!r}: say --decimal ',' or export them plainly."
        )


def reason_to_leave_out(column: "pd.Series[Any]", kind: FeatureType) -> str | None:
    """Why the column cannot help to predict new rows, as a clause; None if it may."""
    name, distinct, rows = str(column.name), column.nunique(), int(column.notna().sum())
    if name.startswith("Unnamed: ") or not name.strip():
        return "it has no name, and looks like a saved index"
    if distinct == 0:
        return "it is empty"
    if kind == "category" and rows >= 20 and distinct > max(20, rows // 2):
        return f"nearly every row has its own text ({distinct} different in {rows} rows): an id, or free text"
    return None


def suspicion(column: "pd.Series[Any]", kind: FeatureType) -> str | None:
    """What makes a column doubtful as a feature, as a predicate; None if nothing."""
    if column.nunique() == 1:
        return "has one value only, and tells nothing"
    if kind == "integer" and len(column) >= 20 and column.nunique() == len(column) and _counts_rows(column):
        return "numbers the rows: an id teaches nothing that holds for new rows"
    return None


def _counts_rows(column: "pd.Series[Any]") -> bool:
    """Whether distinct integers are an id by name, or a run without gaps."""
    named = re.search(r"(^|[^A-Za-z])(id|key|index|uuid|nr|no)$|[a-z]I[dD]$", str(column.name), re.IGNORECASE)
    return named is not None or int(column.max()) - int(column.min()) == len(column) - 1
