"""Numpy's, pandas' and Python's values as JSON ones. Neither library is imported here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

Json = Any
INFINITE = "Must be a finite number: JSON has no infinity."


class NotJson(ValueError):
    """A value that JSON does not have; the message says what to do."""


def as_json(value: Any) -> Json:
    """A cell as JSON has it; None for None, NaN, pandas' NA and NaT.

    Raises:
        NotJson: an infinite number, a date, bytes, or anything else that no feature takes.
    """
    kind = type(value)
    if kind is str or kind is bool or kind is int or value is None:
        return value
    if kind is float:
        if math.isfinite(value):
            return value
        if value != value:
            return None
        raise NotJson(INFINITE)
    if kind.__name__ in ("NAType", "NaTType") and kind.__module__.startswith("pandas."):
        return None
    return _converted(value)


def row_as_json(row: Mapping[Any, Any]) -> tuple[dict[str, Json], dict[str, str]]:
    """A row as a JSON object, and what is wrong with the values that have no JSON form, by field."""
    found, wrong = {}, {}
    for name, value in row.items():
        try:
            found[str(name)] = as_json(value)
        except NotJson as exc:
            wrong[str(name)] = str(exc)
    return found, wrong


def _converted(value: Any) -> Json:
    if isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, (float, Decimal)):
        return as_json(float(value))
    if type(value).__module__ == "numpy":
        item = getattr(value, "item", None)
        if getattr(value, "shape", None) == () and item is not None:
            kind = value.dtype.kind
            if kind == "f":
                return as_json(float(value))
            if kind in "biuU":
                return as_json(item())
            if kind in "mM" and str(value) == "NaT":
                return None
    name = type(value).__name__
    raise NotJson(
        f"A {name} has no JSON form: send a number, a string, true, false or null (of a column: .astype(str) or "
        ".astype(float))."
    )
