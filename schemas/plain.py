"""What is plainly valid for a feature, as the quick checks of a row and of a batch ask it.

They never refuse: what they do not accept goes to Marshmallow, which decides and writes the errors. A property test
holds them to the schema.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from service.inference.contract import LARGEST_INTEGER, Contract, Feature
from service.inference.features import NULL, codes_of

SURE = float(LARGEST_INTEGER - 1)
"""Beyond it a double may have been an integer that was rounded on its way: Marshmallow sees to those."""


@dataclass(frozen=True, slots=True)
class Plain:
    """One feature: the types of its values, their codes where they are counted out, else their range."""

    name: str
    types: frozenset[type]
    codes: dict[Any, float] | None
    bounds: tuple[float, float]
    whole: bool
    nullable: bool

    @classmethod
    def of(cls, contract: Contract, feature: Feature) -> "Plain":
        """What the contract says of the feature."""
        types, codes = _kinds(feature)
        if feature.nullable:
            types |= {type(None)}
            codes = None if codes is None else codes | {None: NULL}
        return cls(
            feature.name, types, codes, contract.bounds(feature), feature.type == "integer", bool(feature.nullable)
        )

    @property
    def sure(self) -> tuple[float, float]:
        """The part of the range in which a double is what the client wrote."""
        low, high = self.bounds
        return max(low, -SURE), min(high, SURE)

    def right(self, value: Any) -> bool:
        """Exactly what the schema's field accepts."""
        kind = type(value)
        if value is None or kind in (bool, str):
            return kind in self.types and (self.codes is None or value in self.codes)
        if kind not in (int, float) or not self.types & {int, float}:
            return False
        if self.codes is not None:
            return value in self.codes
        low, high = self.bounds
        exact = kind is float or abs(value) <= LARGEST_INTEGER
        return low <= value <= high and exact and not (self.whole and value % 1)


def plains(contract: Contract) -> tuple[Plain, ...]:
    """Each feature's, in contract order."""
    return tuple(Plain.of(contract, feature) for feature in contract.features)


def wrong_fields(features: Sequence[Plain], row: Any) -> int:
    """How many fields of a row the schema would refuse, without writing a message each."""
    if type(row) is not dict:
        return 1
    given = [feature for feature in features if feature.name in row]
    wrong = (len(row) - len(given)) + (len(features) - len(given))
    return wrong + sum(not feature.right(row[feature.name]) for feature in given)


def _kinds(feature: Feature) -> tuple[frozenset[type], dict[Any, float] | None]:
    """The types of a feature's plain values, and the code of each value where they are counted out."""
    if feature.type == "category":
        codes = codes_of(feature) or {}
        return frozenset({str}), {value: code for value, code in codes.items() if value is not None}
    if feature.type == "boolean":
        return frozenset({bool}), {False: 0.0, True: 1.0}
    if feature.choices is not None:
        return frozenset({int}), {value: float(value) for value in feature.choices}
    return frozenset({int, float}), None
