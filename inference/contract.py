"""The contract: the one description of a model's input. Everything else about the input is made from it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

FeatureType = Literal["number", "integer", "category", "boolean", "text"]
Unseen = Literal["refuse", "accept"]
Task = Literal["classification", "regression"]
Value = float | int | str | bool | None

FEATURE_TYPES: tuple[FeatureType, ...] = ("number", "integer", "category", "boolean", "text")
UNSEEN: tuple[Unseen, ...] = ("refuse", "accept")
TASKS: tuple[Task, ...] = ("classification", "regression")
LARGEST_INTEGER = 2**53
"""Beyond it a double, which is what JSON numbers are, no longer holds every integer."""
UNBOUNDED = 1e300
"""The magnitude of a contract without a limit."""
MAXIMUM_LENGTH = 10_000
"""Characters of a text, unless the contract says otherwise."""


_SHOWN = 5


class ContractError(ValueError):
    """A contract that says something impossible; the message names the feature."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One input column.

    ``minimum`` and ``maximum`` are enforced, inclusive, where given; ``observed`` is what training saw and is only
    noted. ``choices`` are the values a category (or an integer) may take. With ``unseen`` "accept" a category takes any
    other string as well, which the pipeline answers as it answers values that it never saw; None refuses them too. A
    text is any string of at most ``maximum_length`` characters. ``limits``, a ``minimum`` and a ``maximum``, are how
    far the pipeline's own arithmetic goes, found by training: beyond them it would fail. They are enforced, and hold
    all that was observed; None where they are those of the contract.
    """

    name: str
    type: FeatureType
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] | tuple[int, ...] | None = None
    nullable: bool = False
    observed: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""
    example: Value = None
    unseen: Unseen | None = None
    maximum_length: int | None = None
    limits: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        if self.type not in FEATURE_TYPES:
            raise ContractError(f"feature {self.name!r}: type must be one of {', '.join(FEATURE_TYPES)}")
        if self.type == "category" and not self.choices:
            raise ContractError(f"feature {self.name!r}: a category needs its choices")
        if self.type == "text" and self.choices:
            raise ContractError(f"feature {self.name!r}: a text has no choices; make it a category")
        for bound in (self.minimum, self.maximum):
            if bound is not None and (self.type not in ("number", "integer") or not math.isfinite(bound)):
                raise ContractError(f"feature {self.name!r}: a declared range must be finite, of numbers or integers")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ContractError(f"feature {self.name!r}: minimum {self.minimum:g} is above maximum {self.maximum:g}")
        if self.unseen not in (None, *UNSEEN) or (self.unseen == "accept" and self.type != "category"):
            raise ContractError(
                f"feature {self.name!r}: unseen must be refuse or accept, and accept of a category only"
            )
        if self.maximum_length is not None and (
            self.type not in ("category", "text") or not _counts(self.maximum_length)
        ):
            raise ContractError(
                f"feature {self.name!r}: maximum_length must be a whole number from 1 on, of a text or an open category"
            )

    @property
    def is_open(self) -> bool:
        """Whether it takes strings that the contract does not list."""
        return self.type == "text" or self.unseen == "accept"

    @property
    def longest(self) -> int:
        """The most characters of a string that it takes; no choice is longer."""
        limit = MAXIMUM_LENGTH if self.maximum_length is None else self.maximum_length
        return max([limit, *(len(choice) for choice in self.choices or () if isinstance(choice, str))])

    def to_json(self) -> dict[str, Any]:
        """Every key that applies, in the order a reader wants them."""
        opened: dict[str, Any] = {"unseen": self.unseen} if self.unseen == "accept" else {}
        if self.is_open:
            opened["maximum_length"] = self.longest
        return {
            "name": self.name,
            "type": self.type,
            "minimum": self.minimum,
            "maximum": self.maximum,
            "choices": None if self.choices is None else list(self.choices),
            "nullable": self.nullable,
            "observed": dict(self.observed),
            "description": self.description,
            "example": self.example,
            "limits": None if self.limits is None else dict(self.limits),
            **opened,
        }


@dataclass(frozen=True, slots=True)
class Contract:
    """A model's input, its features in the column order of the pipeline, and what it predicts.

    ``magnitude`` is the largest absolute value of a number that has no limits of its own.
    """

    task: Task
    target: str
    features: tuple[Feature, ...]
    magnitude: float = UNBOUNDED

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise ContractError(f"task must be one of {', '.join(TASKS)}, not {self.task!r}")
        if not self.features:
            raise ContractError("a contract needs at least one feature")
        names = self.names
        if repeated := {name for name in names if names.count(name) > 1}:
            raise ContractError(f"features named twice: {', '.join(sorted(repeated))}")

    @property
    def names(self) -> tuple[str, ...]:
        """Feature names in column order."""
        return tuple(feature.name for feature in self.features)

    @property
    def open_columns(self) -> tuple[int, ...]:
        """The places of the features that take strings which the contract does not list."""
        return tuple(place for place, feature in enumerate(self.features) if feature.is_open)

    @property
    def example(self) -> dict[str, Value]:
        """One valid row, for documents."""
        return {feature.name: feature.example for feature in self.features}

    def bounds(self, feature: Feature) -> tuple[float, float]:
        """The inclusive range that values of a number or an integer are held to."""
        limit = self.magnitude if feature.type == "number" else min(self.magnitude, float(LARGEST_INTEGER))
        low, high = -limit, limit
        if feature.limits is not None:
            low, high = max(low, feature.limits["minimum"]), min(high, feature.limits["maximum"])
        if feature.minimum is not None:
            low = max(low, feature.minimum)
        if feature.maximum is not None:
            high = min(high, feature.maximum)
        return low, high

    def to_json(self) -> dict[str, Any]:
        """As it stands in a manifest."""
        return {
            "task": self.task,
            "target": self.target,
            "magnitude": self.magnitude,
            "features": [feature.to_json() for feature in self.features],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Contract":
        """Read a manifest's contract.

        Raises:
            ContractError: it is not one; the message says where.
        """
        try:
            features = tuple(_feature(entry) for entry in document["features"])
            return cls(document["task"], document["target"], features, float(document.get("magnitude", UNBOUNDED)))
        except (KeyError, TypeError, AttributeError) as exc:
            raise ContractError("the contract is malformed") from exc


def contract_diff(before: Contract, after: Contract) -> list[str]:
    """How the rows that ``after`` takes differ from those of ``before``: a phrase each; empty where they do not.

    Names and types are compared. Ranges and choices may differ from one training to the next.
    """
    old = {feature.name: feature.type for feature in before.features}
    new = {feature.name: feature.type for feature in after.features}
    changed = [f"{name} as {kind}" for name, kind in new.items() if old.get(name, kind) != kind]
    found = {
        "without": [name for name in old if name not in new],
        "with": [name for name in new if name not in old] + changed,
    }
    return [f"{how} {_listed(names)}" for how, names in found.items() if names]


def decoding(feature: Feature, texts: Sequence[str] = ()) -> Callable[[float], Value] | None:
    """From a feature's code in the matrix (features.py) to its JSON value; None where both are the same.

    ``texts``: the strings of an open column that the contract does not list; their codes follow those of the choices.
    """
    if feature.type in ("category", "text"):
        choices = (*(feature.choices or ()), *texts)
        return lambda code: choices[int(code)]
    if feature.type == "boolean":
        return bool
    return int if feature.type == "integer" else None


def _counts(value: Any) -> bool:
    return type(value) is int and value >= 1


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _feature(entry: Mapping[str, Any]) -> Feature:
    known = Feature.__dataclass_fields__
    fields = {key: value for key, value in entry.items() if key in known}
    choices: Sequence[Any] | None = fields.get("choices")
    fields["choices"] = None if choices is None else tuple(choices)
    return Feature(**fields)
