"""The cells of a CSV as values of the type that the contract says, as in a CSV body: ``schemas.bodies.csv_body``.

Plain numbers, most of all cells, are read by pyarrow, which needs no Python value for each.
"""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from inference.contract import Feature
from schemas.bodies.csv_body import typed_cells
from schemas.fast_path import LARGEST_SAFE

_PLAIN = r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$"


def typed(feature: Feature, texts: Any) -> Any:
    """A column of strings, null where the cell is empty, for the validation: a pyarrow array, or a list of values."""
    if feature.type in ("category", "text"):
        return texts
    if feature.type != "boolean" and pc.all(pc.match_substring_regex(texts, _PLAIN)).as_py() is not False:
        numbers = pc.cast(texts, pa.float64())
        largest = pc.max(pc.abs(numbers)).as_py()
        if largest is None or largest <= LARGEST_SAFE:
            return numbers
    return typed_cells(feature.type, [text or "" for text in texts.to_pylist()])
