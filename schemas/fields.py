"""Marshmallow fields for JSON numbers, integers, booleans and strings that never guess what a client meant."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from marshmallow import ValidationError, fields, validate

from inference.contract import LARGEST_INTEGER, Contract, Feature


class Number(fields.Float):
    """A finite JSON number; no strings, no booleans, no integer that a double would round."""

    def _validated(self, value: Any) -> float:
        if type(value) not in (int, float):
            raise ValidationError("Must be a number.")
        if type(value) is int and abs(value) > LARGEST_INTEGER:
            raise ValidationError("Must not be an integer beyond 2^53: write it as a decimal number.")
        if not math.isfinite(value):
            raise ValidationError("Must be a finite number.")
        return float(value)


class Integer(fields.Integer):
    """A whole JSON number: 5 and 5.0 are, 1.9 and "5" are not."""

    def _validated(self, value: Any) -> int:
        if type(value) not in (int, float) or (type(value) is float and not value.is_integer()):
            raise ValidationError("Must be an integer.")
        if abs(value) > LARGEST_INTEGER:
            raise ValidationError("Must be an integer between -2^53 and 2^53.")
        return int(value)


class Boolean(fields.Boolean):
    """True or false; no "yes", no 1."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> bool:
        if type(value) is not bool:
            raise ValidationError("Must be true or false.")
        return value


class Text(fields.String):
    """A string; of a category that is not open one of those seen in training."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        if type(value) is not str:
            raise ValidationError("Must be a string.")
        return value


def feature_field(contract: Contract, feature: Feature) -> fields.Field[Any]:
    """The field of one feature: required even where null is allowed, so that nothing is left out by accident."""
    common: dict[str, Any] = {
        "required": True,
        "allow_none": feature.nullable,
        "data_key": feature.name,
        "metadata": {"description": feature.description, "example": feature.example},
    }
    if feature.type == "boolean":
        return Boolean(**common)
    if feature.is_open:
        return Text(validate=_length(feature), **common)
    if feature.type == "category":
        return Text(validate=_one_of(feature.choices or ()), **common)
    checks: list[validate.Validator] = [_range(contract, feature)]
    if feature.choices is not None:
        checks.append(_one_of(feature.choices))
    return Integer(validate=checks, **common) if feature.type == "integer" else Number(validate=checks, **common)


def _range(contract: Contract, feature: Feature) -> validate.Range:
    low, high = contract.bounds(feature)
    return validate.Range(low, high, error=f"Must be between {_plain(low)} and {_plain(high)}.")


def _length(feature: Feature) -> validate.Length:
    return validate.Length(max=feature.longest, error="Must not be longer than {max} characters.")


def _one_of(choices: Iterable[Any]) -> validate.OneOf:
    known = list(choices)
    shown = ", ".join(str(choice) for choice in known[:20]) + (", ..." if len(known) > 20 else "")
    return validate.OneOf(known, error=f"Must be one of: {shown}.")


def _plain(bound: float) -> str:
    return str(int(bound)) if abs(bound) <= LARGEST_INTEGER and float(bound).is_integer() else f"{bound:g}"
