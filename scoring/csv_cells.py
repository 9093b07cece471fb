"""The cells of a CSV, which are texts, as values of the type that the contract says; an empty cell is null.

A text that is no such value stays a text, so that the validation names it.
"""

import re
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from inference.contract import LARGEST_INTEGER, Feature

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\Z", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d+\Z", re.ASCII)
_BOOLEANS = {"true": True, "false": False}


def typed(feature: Feature, texts: Any) -> Any:
    """A column of strings as numbers or booleans, where the feature has these: a pyarrow array, or a list of values."""
    if feature.type in ("category", "text"):
        return texts
    if feature.type == "boolean":
        return [text if text is None else _BOOLEANS.get(text.lower(), text) for text in texts.to_pylist()]
    try:
        numbers = pc.cast(texts, pa.float64())
    except pa.ArrowInvalid:
        return [_number(text) for text in texts.to_pylist()]
    largest = pc.max(pc.abs(numbers)).as_py()
    finite = pc.all(pc.is_finite(numbers)).as_py()  # "nan" and "inf" are texts, not numbers
    if finite is False or (largest is not None and not largest < LARGEST_INTEGER):
        return [_number(text) for text in texts.to_pylist()]
    return numbers


def _number(text: str | None) -> Any:
    if text is None or _NUMBER.match(text) is None:
        return text
    return int(text) if _INTEGER.match(text) and len(text) < 400 else float(text)
