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
}


@dataclass(frozen=True, slots=True)
class FieldRule:
    """The valid values of a feature: types, and either choices or a range."""

    name: str
    types: frozenset[type]
    choices: frozenset[Any] | None
    bounds: tuple[float, float]
    whole: bool

    @classmethod
    def of(cls, contract: Contract, feature: Feature) -> "FieldRule":
        """The rule that the contract sets for the feature."""
        null: list[Any] = [None] if feature.nullable else []
        return cls(
            feature.name,
            _TYPES[feature.type].union(map(type, null)),
            None if feature.choices is None else frozenset([*feature.choices, *null]),
            contract.bounds(feature),
            feature.type == "integer",
        )

    def is_valid(self, value: Any) -> bool:
        """Whether the schema's field accepts the value."""
        kind = type(value)
        if kind not in self.types:
            return False
        if self.choices is not None or kind not in (int, float):
            return self.choices is None or value in self.choices
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
