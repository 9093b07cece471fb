"""Counts the invalid fields of a row without writing messages: for rows beyond the errors that an answer lists."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from inference.contract import LARGEST_INTEGER, Contract, Feature

_NUMBER: frozenset[type] = frozenset({int, float})
_TYPES: dict[str, frozenset[type]] = {
    "number": _NUMBER,
    "integer": _NUMBER,
    "category": frozenset({str}),
    "boolean": frozenset({bool}),
    "text": frozenset({str}),
}


@dataclass(frozen=True, slots=True)
class FieldRule:
    """The valid values of a feature: types, and either choices, a range or the most characters of a string."""

    name: str
    types: frozenset[type]
    choices: frozenset[Any] | None
    bounds: tuple[float, float]
    whole: bool
    longest: int

    @classmethod
    def of(cls, contract: Contract, feature: Feature) -> "FieldRule":
        """The rule that the contract sets for the feature."""
        null: list[Any] = [None] if feature.nullable else []
        return cls(
            feature.name,
            _TYPES[feature.type].union(map(type, null)),
            None if feature.choices is None or feature.is_open else frozenset([*feature.choices, *null]),
            contract.bounds(feature),
            feature.type == "integer",
            feature.longest,
        )

    def is_valid(self, value: Any) -> bool:
        """Whether the schema's field accepts the value."""
        kind = type(value)
        if kind not in self.types:
            return False
        if self.choices is not None:
            return value in self.choices
        if kind not in (int, float):
            return kind is not str or len(value) <= self.longest
        low, high = self.bounds
        exact = kind is float or abs(value) <= LARGEST_INTEGER
        return low <= value <= high and exact and not (self.whole and value % 1)


def field_rules(contract: Contract) -> tuple[FieldRule, ...]:
    """The rule of each feature, in contract order."""
    return tuple(FieldRule.of(contract, feature) for feature in contract.features)


def count_invalid(rules: Sequence[FieldRule], row: Any) -> int:
    """How many fields of a row the schema would refuse."""
    if type(row) is not dict:
        return 1
    given = [rule for rule in rules if rule.name in row]
    unknown, missing = len(row) - len(given), len(rules) - len(given)
    return unknown + missing + sum(not rule.is_valid(row[rule.name]) for rule in given)
