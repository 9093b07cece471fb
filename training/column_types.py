"""The type of a column's values, and reasons against using it as a feature."""

import re
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
from pandas.api import types

from inference.contract import FeatureType
from training.errors import ColumnError
from training.number_texts import different_units

_DATE = re.compile(
    r"\s*(\d{4}[-/.]\d{1,2}([-/.]\d{1,2})?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}|\d{1,2} ?[A-Za-z]{3,9}\.? ?\d{4}"
    r"|[A-Za-z]{3,9}\.? \d{1,2},? \d{4})([T ,]+\d{1,2}:\d{2}.*)?\s*|\d{1,2}:\d{2}(:\d{2})?"
)
_NUMBER = re.compile(r"\s*[-+]?(\d+([.,' ]\d+)*|[.,]\d+)([eE][-+]?\d+)?\s*")
MOST_CHOICES = 1000
MOST_CODES = 20
"""Up to so many different whole numbers, each in two rows or more on average, are taken for codes or counts."""
MOST_STRANGE = 5
"""Texts among numbers that a refusal names."""
DATE_ADVICE = (
    "turn it into a number before training (days since an event, hour, month), and send that number, "
    "or leave it out with --drop"
)


def kind_of(column: "pd.Series[Any]") -> FeatureType:
    """The feature type of the column's values, nulls aside.

    Raises:
        ColumnError: it holds dates, or values that are none of JSON's.
    """
    dtype, name = column.dtype, column.name
    if types.is_bool_dtype(dtype):
        return "boolean"
    if types.is_integer_dtype(dtype):
        return "integer"
    if types.is_float_dtype(dtype):
        return "number"
    if types.is_datetime64_any_dtype(dtype) or types.is_timedelta64_dtype(dtype) or isinstance(dtype, pd.PeriodDtype):
        raise _dates(str(name), "holds dates")
    present = column.dropna()
    found = {type(value) for value in present}
    if any(issubclass(kind, date | time | timedelta) for kind in found):
        raise _dates(str(name), "holds dates")
    if found and found <= {bool}:
        return "boolean"
    if found and found <= {int}:
        return "integer"
    if found and found <= {int, float, Decimal}:
        return "number"
    if not found <= {str}:
        names = ", ".join(sorted(kind.__name__ for kind in found))
        cure = f"make it numbers, texts or booleans, or leave it out with --drop {name!r}"
        raise ColumnError(str(name), f"holds values of the type {names}", cure)
    return "category"


def _dates(name: str, fact: str) -> ColumnError:
    return ColumnError(name, fact, f"{DATE_ADVICE} {name!r}")


def is_measured(column: "pd.Series[Any]") -> bool:
    """Whether whole numbers may be a measurement that happens to be whole: too many different ones for a code."""
    distinct = column.nunique()
    return distinct > MOST_CODES or 2 * distinct > int(column.notna().sum())


def check_texts(column: "pd.Series[Any]", decimal: str = ".") -> None:
    """Refuse texts that are dates or badly formatted numbers: as categories they are of no use.

    ``decimal``: the mark of numbers in this file.

    Raises:
        ColumnError: they are; the message has what to type.
    """
    present = column.dropna()
    name, texts = str(present.name), present.unique().tolist()
    if not texts:
        return
    if sum(1 for text in texts if _DATE.fullmatch(text)) >= 0.9 * len(texts):
        raise _dates(name, f"holds dates such as {texts[0]!r}")
    if units := different_units(present):
        fact = f"holds numbers of different units such as {units[0]!r} and {units[1]!r}"
        raise ColumnError(name, fact, f"bring them to one unit, or say --type '{name}=category'")
    strange = [text for text in texts if not _NUMBER.fullmatch(text)]
    if len(strange) > 0.2 * len(texts):
        return
    if strange:
        some = strange[:MOST_STRANGE]
        fact = f"holds numbers, but also the text{'s' * (len(some) > 1)} {', '.join(map(repr, some))}"
        missing = " ".join(f"--missing {text!r}" for text in some)
        cure = f"if that means missing, say {missing}; else correct it, or say --type '{name}=category'"
        raise ColumnError(name, fact, cure)
    if len(texts) > MOST_CODES and any("," in text for text in texts):
        shown = next(text for text in texts if "," in text)
        way = "correct them, or say" if decimal == "," else "say --decimal ',', or"
        cure = f"{way} --type '{name}=category' if it is a name"
        raise ColumnError(name, f"holds numbers such as {shown!r}", cure)


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


def suspicion(column: "pd.Series[Any]") -> str | None:
    """What makes a column doubtful as a feature, as a predicate; None if nothing."""
    if column.nunique() == 1:
        return "has one value only, and tells nothing"
    if pair := alike(column):
        return f"holds {pair[0]!r} and {pair[1]!r}, which differ by spaces or capitals only"
    whole = types.is_integer_dtype(column.dtype)
    if whole and len(column) >= 20 and column.nunique() == len(column) and _counts_rows(column):
        return "numbers the rows: an id teaches nothing that holds for new rows"
    return None


def alike(column: "pd.Series[Any]") -> tuple[str, str] | None:
    """Two texts of the column that differ by spaces or capitals only; None if there are none."""
    if types.is_numeric_dtype(column.dtype):
        return None
    met: dict[str, str] = {}
    for text in filter(lambda value: isinstance(value, str), column.dropna().unique().tolist()):
        first = met.setdefault(" ".join(text.split()).casefold(), text)
        if first != text:
            return first, text
    return None


def _counts_rows(column: "pd.Series[Any]") -> bool:
    """Whether distinct integers are an id by name, or a run without gaps."""
    named = re.search(r"(^|[^A-Za-z])(id|key|index|uuid|nr|no)$|[a-z]I[dD]$", str(column.name), re.IGNORECASE)
    return named is not None or int(column.max()) - int(column.min()) == len(column) - 1
