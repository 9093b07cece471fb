"""The quick check: bodies in which every value is plainly valid, read into the matrix without a step of Python a value.

msgspec parses and checks in one go, in less time than parsing into dicts takes. It never refuses: what it does not
accept goes to Marshmallow, which decides and writes the errors. A property test holds this module to the schema.
"""

import struct
from collections.abc import Sequence
from itertools import chain
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec.structs import astuple

from inference.contract import LARGEST_INTEGER, Contract, Feature
from inference.features import Matrix, codes_of

SURE = float(LARGEST_INTEGER - 1)
"""Beyond it a double may have been an integer that was rounded on its way: Marshmallow sees to those."""

_NOTHING = Annotated[int, msgspec.Meta(ge=1, le=0)]


class FastPath:
    """Reads the bodies of one contract. Names in the contract's order are found fastest."""

    def __init__(self, contract: Contract, most_rows: int) -> None:
        members = [(f"feature_at_{place}", _type(contract, one)) for place, one in enumerate(contract.features)]
        names = {member: feature.name for (member, _), feature in zip(members, contract.features, strict=True)}
        try:
            row: Any = msgspec.defstruct("Row", members, rename=names, forbid_unknown_fields=True, gc=False)
        except ValueError:  # msgspec finds no name with a quote, a backslash or a control character in it
            row = _NOTHING  # which leaves every body to the schema
        batch: Any = msgspec.defstruct("Batch", [("instances", list[row])], forbid_unknown_fields=True)
        self._row, self._batch = msgspec.json.Decoder(row), msgspec.json.Decoder(batch)
        self._width, self._most_rows = len(members), most_rows
        coded = [(place, codes_of(feature)) for place, feature in enumerate(contract.features)]
        self._coded = [(place, codes.__getitem__) for place, codes in coded if codes is not None]

    def row(self, body: bytes) -> Matrix | None:
        """A matrix of shape (1, features), or None where the row is not plainly valid."""
        try:
            cells = list(astuple(self._row.decode(body)))
        except (msgspec.MsgspecError, ValueError):
            return None
        for place, code in self._coded:
            cells[place] = code(cells[place])
        return np.array([cells], dtype=np.float64)  # null becomes NaN

    def batch(self, body: bytes) -> Matrix | None:
        """A matrix of shape (rows, features) of what stands under ``instances``; None where any row is in doubt."""
        try:
            rows = self._batch.decode(body).instances
        except (msgspec.MsgspecError, ValueError):
            return None
        if not 1 <= len(rows) <= self._most_rows:
            return None
        cells = list(chain.from_iterable(map(astuple, rows)))
        for place, code in self._coded:
            cells[place :: self._width] = map(code, cells[place :: self._width])
        return _packed(cells, len(rows))


def _packed(cells: Sequence[Any], rows: int) -> Matrix:
    matrix = np.empty(len(cells))
    try:
        struct.pack_into(f"{len(cells)}d", matrix.data, 0, *cells)  # numpy would look at each value's type
    except struct.error:  # there are nulls
        matrix = np.array(cells, dtype=np.float64)
    return matrix.reshape(rows, -1)


def _type(contract: Contract, feature: Feature) -> Any:
    """What msgspec is told of a feature; nothing of it outlives the model."""
    low, high = contract.bounds(feature)
    low, high = max(low, -SURE), min(high, SURE)
    if feature.type == "boolean":
        kind: Any = bool
    elif feature.choices is not None:
        choices: list[Any] = [None] if feature.nullable else []
        if feature.type == "category":
            choices += [choice for choice in feature.choices if type(choice) is str]
        else:
            choices += [choice for choice in feature.choices if type(choice) is int and low <= choice <= high]
        # Of what Literal[...] or ... | None is asked, typing keeps a copy.
        return Literal[0].copy_with((*choices,)) if choices else _NOTHING  # type: ignore[attr-defined]  # private class
    else:
        whole = 1.0 if feature.type == "integer" else None  # 5 and 5.0 are integers, 1.9 is none
        kind = Annotated[float, msgspec.Meta(ge=low, le=high, multiple_of=whole)]
    return kind | None if feature.nullable else kind
