"""What was decided about each column of a table, and what to type where it was wrong."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from inference.contract import Contract, Feature

SHOWN_CHOICES = 4
WIDEST = 34
"""Characters of a cell of the table."""


@dataclass(frozen=True, slots=True)
class Decision:
    """``type``: a feature type, or "left out". ``override``: what to type to have it otherwise, if anything."""

    column: str
    type: str
    reason: str
    override: str = ""


def for_shell(option: str, value: str) -> str:
    """An option as it is typed."""
    return f"{option} {shlex.quote(value)}"


def with_notes(decisions: Iterable[Decision], notes: Mapping[str, str]) -> list[Decision]:
    """The decisions with what was done to the cells of their columns."""
    return [
        replace(decision, reason=f"{decision.reason}; {notes[decision.column]}")
        if decision.column in notes
        else decision
        for decision in decisions
    ]


def document(decisions: Sequence[Decision]) -> list[dict[str, str]]:
    """As the manifest's ``training`` holds them."""
    return [asdict(decision) for decision in decisions]


def table_of(contract: Contract, decisions: Sequence[Decision]) -> list[str]:
    """A line a column: its name, type, range or choices, nulls, and the reason, with what to type instead."""
    features = {feature.name: feature for feature in contract.features}
    decided = {decision.column: decision for decision in decisions}
    names = [*decided, *(name for name in features if name not in decided)]
    rows = [("column", "type", "range or choices", "nulls", "why; what to type instead")]
    for name in names:
        feature, decision = features.get(name), decided.get(name)
        kind = feature.type if feature else decided[name].type
        reason = decision.reason if decision else "as the pipeline was fitted"
        if decision and decision.override:
            reason = f"{reason}; else {decision.override}"
        rows.append((name, kind, _values(feature), _nulls(feature), reason))
    widths = [min(max(len(row[place]) for row in rows), WIDEST) for place in range(4)]
    return [
        "  ".join(
            [*(_cut(cell, width).ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]]
        ).rstrip()
        for row in rows
    ]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."


def _values(feature: Feature | None) -> str:
    if feature is None:
        return ""
    if feature.type == "boolean":
        return "true, false"
    if feature.choices:
        shown = ", ".join(map(str, feature.choices[:SHOWN_CHOICES]))
        return shown if len(feature.choices) <= SHOWN_CHOICES else f"{len(feature.choices)}: {shown}, ..."
    low, high = feature.observed.get("minimum"), feature.observed.get("maximum")
    seen = "" if low is None or high is None else f"{low:.6g} to {high:.6g}"
    enforced = feature.minimum is not None or feature.maximum is not None
    return f"{seen} (enforced: {_end(feature.minimum)} to {_end(feature.maximum)})" if enforced else seen


def _end(bound: float | None) -> str:
    return "any" if bound is None else f"{bound:.6g}"


def _nulls(feature: Feature | None) -> str:
    if feature is None:
        return ""
    share = feature.observed.get("null_share", 0.0)
    return f"{share:.1%}" if share else ("allowed" if feature.nullable else "none")
