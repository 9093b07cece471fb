"""The fast path: msgspec reads a body whose values are all valid into the matrix, without Python code for each value.

It parses and checks in one pass, in less time than parsing into dicts takes. It never refuses a body: what it does not
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
from inference.open_columns import Numbering, with_texts

LARGEST_SAFE = float(LARGEST_INTEGER - 1)
"""A larger double may come from an integer that was rounded in parsing; Marshmallow checks such values."""

_NEVER_VALID = Annotated[int, msgspec.Meta(ge=1, le=0)]


class FastPath:
    """Reads the bodies of one contract. Names in the contract's order are found fastest."""

    def __init__(self, contract: Contract, most_rows: int) -> None:
        members = [
            (f"feature_at_{position}", _type(contract, feature)) for position, feature in enumerate(contract.features)
        ]
        names = {member: feature.name for (member, _), feature in zip(members, contract.features, strict=True)}
        try:
            row: Any = msgspec.defstruct("Row", members, rename=names, forbid_unknown_fields=True, gc=False)
        except ValueError:  # msgspec cannot match names with a quote, a backslash or a control character
            row = _NEVER_VALID  # every body goes to the schema
        batch: Any = msgspec.defstruct("Batch", [("instances", list[row])], forbid_unknown_fields=True)
        self._row, self._batch = msgspec.json.Decoder(row), msgspec.json.Decoder(batch)
        self._width, self._most_rows = len(members), most_rows
        coded = [(position, codes_of(feature)) for position, feature in enumerate(contract.features)]
        listed = {position: codes for position, codes in coded if codes is not None}
        self._features, self._open = (
            contract.features,
            {position: listed.pop(position) for position in contract.open_columns},
        )
        self._coded = [(position, codes.__getitem__) for position, codes in listed.items()]

    def row(self, body: bytes) -> Matrix | None:
        """A matrix of shape (1, features), or None where the schema must decide."""
        try:
            cells = list(astuple(self._row.decode(body)))
        except (msgspec.MsgspecError, ValueError):
            return None
        for position, code in self._coded:
            cells[position] = code(cells[position])
        if self._open:
            return self._with_texts(cells, 1)
        return np.array([cells], dtype=np.float64)  # null becomes NaN

    def batch(self, body: bytes) -> Matrix | None:
        """A matrix of shape (rows, features) of the rows in ``instances``, or None where the schema must decide."""
        try:
            rows = self._batch.decode(body).instances
        except (msgspec.MsgspecError, ValueError):
            return None
        if not 1 <= len(rows) <= self._most_rows:
            return None
        cells = list(chain.from_iterable(map(astuple, rows)))
        for position, code in self._coded:
            cells[position :: self._width] = map(code, cells[position :: self._width])
        if self._open:
            return self._with_texts(cells, len(rows))
        return _packed(cells, len(rows))

    def _with_texts(self, cells: list[Any], rows: int) -> Matrix:
        """The matrix of cells whose open columns still hold strings."""
        texts = {}
        for position, listed in self._open.items():
            numbering = Numbering(self._features[position], listed)
            cells[position :: self._width] = map(numbering.__getitem__, cells[position :: self._width])
            texts[position] = numbering.texts
        return with_texts(self._features, _packed(cells, rows), texts)


def _packed(cells: Sequence[Any], rows: int) -> Matrix:
    matrix = np.empty(len(cells))
    try:
        struct.pack_into(
            f"{len(cells)}d", matrix.data, 0, *cells
        )  # faster than numpy, which inspects each value's type
    except struct.error:  # there are nulls
        matrix = np.array(cells, dtype=np.float64)
    return matrix.reshape(rows, -1)


def _type(contract: Contract, feature: Feature) -> Any:
    """The msgspec type of a feature; nothing keeps it alive once the model is gone."""
    low, high = contract.bounds(feature)
    low, high = max(low, -LARGEST_SAFE), min(high, LARGEST_SAFE)
    if feature.type == "boolean":
        kind: Any = bool
    elif feature.is_open:
        kind = Annotated[str, msgspec.Meta(max_length=feature.longest)]
    elif feature.choices is not None:
        choices: list[Any] = [None] if feature.nullable else []
        if feature.type == "category":
            choices += [choice for choice in feature.choices if type(choice) is str]
        else:
            choices += [choice for choice in feature.choices if type(choice) is int and low <= choice <= high]
        # typing caches the arguments of Literal[...] and ... | None for ever.
        return Literal[0].copy_with((*choices,)) if choices else _NEVER_VALID  # type: ignore[attr-defined]  # private class
    else:
        whole = 1.0 if feature.type == "integer" else None  # 5 and 5.0 are integers, 1.9 is not
        kind = Annotated[float, msgspec.Meta(ge=low, le=high, multiple_of=whole)]
    return kind | None if feature.nullable else kind
