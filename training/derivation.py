"""From a frame to the features of a contract."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from inference.contract import LARGEST_INTEGER, MAXIMUM_LENGTH, ContractError, Feature, FeatureType
from training.column_types import MOST_CHOICES, check_texts, is_measured, kind_of, reason_to_leave_out, suspicion
from training.conversion import converted
from training.decisions import Decision, for_shell
from training.errors import ColumnError, TrainingError, together
from training.number_texts import read_numbers
from training.overrides import Overrides

EXAMPLES, LONGEST_EXAMPLE = 1000, 200
"""An example of a text is the first of so many rows that is no longer than so many characters."""


def derive_features(
    frame: pd.DataFrame,
    overrides: Overrides,
    *,
    ranges_observed: bool,
    warn: Callable[[str], None],
    decide: Callable[[Decision], None] = lambda _: None,
    decimal: str = ".",
) -> tuple[tuple[Feature, ...], pd.DataFrame]:
    """The features of a frame of inputs, and the frame with each column converted to its feature's type.

    Columns of no use are left out, with a warning, unless the overrides name them. ``ranges_observed`` declares what
    was seen of numbers as their range. ``decide`` is called with what was decided of each column.

    Raises:
        TrainingError: columns cannot be features, or contradict what was declared of them; all of them are told.
    """
    if unknown := [name for name in overrides.features if name not in frame.columns]:
        raise TrainingError(f"{overrides.source} declares {unknown[0]!r}, but there is no such column: leave it out.")
    features, columns, errors = [], {}, []
    for name in frame.columns:
        try:
            declared = overrides.features.get(name)
            column, kind, decision = _typed(frame[name], declared, decimal)
            if not declared and _is_left_out(column, kind, frame[name], warn, decide):
                continue
            column = converted(column, kind)
            features.append(derive(column, kind, declared or {}, ranges_observed=ranges_observed))
        except TrainingError as exc:
            errors.append(exc)
            continue
        columns[name] = column
        decide(decision)
    if errors:
        raise together(errors)
    if not features:
        raise TrainingError("no column is left to predict from: the data needs at least one beside the target.")
    return tuple(features), pd.DataFrame(columns)


def _is_left_out(
    column: "pd.Series[Any]",
    kind: FeatureType,
    own: "pd.Series[Any]",
    warn: Callable[[str], None],
    decide: Callable[[Decision], None],
) -> bool:
    """Whether the column is of no use, which is said, as a doubt is. ``own``: the column as it was read."""
    name = str(column.name)
    if reason := reason_to_leave_out(column, kind):
        keep = for_shell("--type", f"{name}={_kept_as(own, kind)}")
        warn(f"column {name!r} is left out: {reason}. To keep it, say {keep}.")
        decide(Decision(name, "left out", reason, keep))
        return True
    if doubt := suspicion(column):
        warn(f"column {name!r} {doubt}. It is kept; leave it out with --drop {name!r}.")
    return False


def _kept_as(column: "pd.Series[Any]", kind: FeatureType) -> FeatureType:
    """The type of a column that is kept although it seems of no use."""
    if column.isna().all():
        return "number"
    return "text" if kind == "category" else kind


def _typed(
    column: "pd.Series[Any]", declared: Mapping[str, Any] | None, decimal: str
) -> tuple["pd.Series[Any]", FeatureType, Decision]:
    """The column, its texts made numbers where they are such as people write, and its type with the reason for it."""
    name = str(column.name)
    kind: FeatureType | None = (declared or {}).get("type")
    reading = None if kind in ("category", "boolean", "text") else read_numbers(column, decimal)
    if reading:
        column = reading.values
    if kind:
        return column, kind, Decision(name, kind, "declared" + (f"; {reading.reading}" if reading else ""))
    kind, reason, other = ("number", reading.reading, "category") if reading else _kind_and_reason(column, decimal)
    override = for_shell("--type", f"{name}={other}") if other else ""
    return column, kind, Decision(name, kind, reason, override)


def _kind_and_reason(column: "pd.Series[Any]", decimal: str) -> tuple[FeatureType, str, str]:
    """The type of its values, why, and the other type that it might have; empty if there is none."""
    kind = kind_of(column)
    if kind == "category":
        check_texts(column, decimal)
        return kind, "texts", ""
    if kind == "integer":
        converted(column, kind)  # refuses integers that a double does not hold
        if is_measured(column):
            return "number", "whole numbers, too many different ones for a code", "integer"
        return kind, f"{column.nunique()} different whole numbers", "number"
    return kind, "true and false" if kind == "boolean" else "numbers", ""


def derive(
    column: "pd.Series[Any]", kind: FeatureType, declared: Mapping[str, Any], *, ranges_observed: bool
) -> Feature:
    """One feature: as declared, else as the column shows.

    Raises:
        TrainingError: the declaration makes no sense, or the column breaks it.
    """
    name, present = str(column.name), column.dropna()
    seen = [str(value) for value in sorted(present.unique())] if kind == "category" else []
    fields: dict[str, Any] = {"nullable": bool(column.isna().any())}
    if kind == "category":
        fields["choices"] = list(column.cat.categories) if isinstance(column.dtype, pd.CategoricalDtype) else seen
    if ranges_observed and kind in ("number", "integer") and len(present):
        fields |= {"minimum": present.min().item(), "maximum": present.max().item()}
    fields |= {key: value for key, value in declared.items() if key != "type"}
    if kind == "text" and "maximum_length" not in declared:
        fields["maximum_length"] = max(MAXIMUM_LENGTH, *(len(text) for text in present), 1)
    fields["choices"] = tuple(fields["choices"]) if fields.get("choices") else None
    if len(fields["choices"] or ()) > MOST_CHOICES:
        raise ColumnError(
            name,
            f"has {len(fields['choices'])} different texts, more than a category may have ({MOST_CHOICES})",
            f"group the rare ones, leave it out with --drop {name!r}, or say --type '{name}=text' if it is free text",
            f"say --type '{name}=text', which takes any text that the pipeline answers",
        )
    try:
        feature = observed(Feature(name, kind, **fields), column)
    except ContractError as exc:
        raise TrainingError(f"{exc}.") from None
    _check_choices(feature)
    _check_against(feature, present)
    return replace(feature, example=feature.example if "example" in declared else _example(feature, present))


def observed(feature: Feature, column: "pd.Series[Any]") -> Feature:
    """The feature with what training saw of it: the share of nulls, and the range of numbers."""
    seen: dict[str, Any] = {"null_share": float(column.isna().mean())}
    if feature.type in ("number", "integer") and column.notna().any():
        kind = float if feature.type == "number" else int
        seen |= {"minimum": kind(column.min()), "maximum": kind(column.max())}
    if feature.type == "text" and column.notna().any():
        lengths = column.dropna().map(len)
        seen |= {"minimum_length": int(lengths.min()), "maximum_length": int(lengths.max())}
    return replace(feature, observed=seen)


def _check_choices(feature: Feature) -> None:
    """Refuse choices that no value of the type can be."""
    if feature.choices is None:
        return
    wanted = {"category": str, "integer": int}.get(feature.type)
    if wanted is None:
        raise TrainingError(
            f"column {feature.name!r}: a {feature.type} has no choices, a category or an integer may: leave 'choices' "
            "out, or declare one of these types."
        )
    if strange := [choice for choice in feature.choices if not isinstance(choice, wanted)]:
        wanted_kind = "texts" if wanted is str else "whole numbers"
        raise TrainingError(
            f"column {feature.name!r}: the choices of its type, {feature.type}, must be {wanted_kind}, not "
            f"{strange[0]!r}."
        )
    if wanted is int:
        low = max(-LARGEST_INTEGER if feature.minimum is None else feature.minimum, -LARGEST_INTEGER)
        high = min(LARGEST_INTEGER if feature.maximum is None else feature.maximum, LARGEST_INTEGER)
        if beyond := [choice for choice in feature.choices if not low <= int(choice) <= high]:
            raise TrainingError(
                f"column {feature.name!r}: its declared choice {beyond[0]} is out of range: leave it out, or widen the "
                "range."
            )


def _check_against(feature: Feature, present: "pd.Series[Any]") -> None:
    """Refuse a declaration that the training data itself breaks."""
    if feature.choices and (strange := set(present.unique()) - set(feature.choices)):
        value = strange.pop()
        shown = value.item() if isinstance(value, np.generic) else value
        raise TrainingError(
            f"column {feature.name!r} holds {shown!r}, which is not among its declared choices: add it, or correct the "
            "data."
        )
    if feature.example is not None and not _is_valid(feature, feature.example):
        raise TrainingError(
            f"column {feature.name!r}: the declared example {feature.example!r} breaks its own declaration: declare "
            "another, or leave it out."
        )
    if feature.type == "text" and (longer := [len(text) for text in present if len(text) > feature.longest]):
        raise TrainingError(
            f"column {feature.name!r} holds a text of {max(longer)} characters, more than its declared maximum_length: "
            "raise it, or shorten the texts."
        )
    for bound, outside in ((feature.minimum, present.lt), (feature.maximum, present.gt)):
        if bound is not None and (beyond := present[outside(bound)]).size:
            raise TrainingError(
                f"column {feature.name!r} holds {beyond.iloc[0]}, outside its declared range: correct the data or the "
                "range."
            )


def _is_valid(feature: Feature, value: Any) -> bool:
    if feature.type == "boolean" or isinstance(value, bool):
        return feature.type == "boolean" and isinstance(value, bool)
    if feature.is_open:
        return isinstance(value, str) and len(value) <= feature.longest
    if feature.choices:
        return value in feature.choices
    low = -math.inf if feature.minimum is None else feature.minimum
    high = math.inf if feature.maximum is None else feature.maximum
    if isinstance(value, str) or not low <= value <= high:
        return False
    return feature.type == "number" or (value == int(value) and abs(value) <= LARGEST_INTEGER)


def _example(feature: Feature, present: "pd.Series[Any]") -> Any:
    if present.empty:
        return None
    if feature.type in ("number", "integer"):
        value = present.quantile(0.5, interpolation="nearest")
        return float(value) if feature.type == "number" else int(value)
    if feature.type == "text":
        texts: list[str] = present.head(EXAMPLES).tolist()
        return next((text for text in texts if 0 < len(text) <= LONGEST_EXAMPLE), min(texts, key=len))
    common = present.mode().iloc[0]
    return bool(common) if feature.type == "boolean" else str(common)
