"""An example of an inference request, for the OpenAPI document."""

from collections.abc import Mapping
from typing import Any

_DATATYPES = {bool: "BOOL", int: "INT64", float: "FP64", str: "BYTES", type(None): "FP64"}


def infer_example(row: Mapping[str, Any]) -> dict[str, Any]:
    """One valid row as a tensor for each feature."""
    return {
        "id": "example-1",
        "inputs": [
            {"name": name, "shape": [1], "datatype": _DATATYPES[type(value)], "data": [value]}
            for name, value in row.items()
        ],
    }
