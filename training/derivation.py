"""From a column of a frame to a feature of the contract."""

from dataclasses import replace
from typing import Any

import pandas as pd

from service.inference.contract import Feature


def observed(feature: Feature, column: "pd.Series[Any]") -> Feature:
    """The feature with what training saw of it noted: range and share of nulls."""
    seen: dict[str, Any] = {"null_share": float(column.isna().mean())}
    if feature.type in ("number", "integer"):
        kind = float if feature.type == "number" else int
        seen |= {"minimum": kind(column.min()), "maximum": kind(column.max())}
    return replace(feature, observed=seen)
