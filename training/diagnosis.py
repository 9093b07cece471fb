"""Find by trying which columns of a contract let the pipeline fail, and what makes it answer.

A contract without a range accepts any number, but a logarithm, a spline or an encoder may fail on one that its sample
does not hold. Each column is tried alone, on values around those that were seen, in an otherwise good row.
"""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.contract import Contract, Feature
from inference.engines.sklearn import SklearnEngine
from training.console import Console
from training.decisions import Decision
from training.errors import TrainingError
from training.fitting import Fitted
from training.parity import with_limits

MOST_CHOICES = 100
"""Up to so many different codes become choices by themselves."""
GAPS = 25
FARTHEST = 1e30
"""What is larger is the business of the parity gate's magnitudes."""
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Failure:
    """A column and the values of it that the pipeline refuses, of those ``tried`` that were not seen."""

    place: int
    refused: list[float]
    tried: int
    message: str


def answerable(fitted: Fitted, console: Console) -> Fitted:
    """The model with a contract whose every column, tried alone, is answered.

    Codes of which the pipeline takes none but those it has seen become choices, which is said.

    Raises:
        TrainingError: a column needs a range or another declaration; the message names it and what to type.
    """
    trial = _Trial(fitted)
    failures = trial.failures(fitted.seen.contract)
    if not failures:
        return fitted
    features, left = list(fitted.seen.contract.features), []
    for failure in failures:
        closed = trial.closed(failure)
        if closed is None:
            left.append(failure)
            continue
        features[failure.place] = closed
        reason = f"the pipeline takes none but these {len(closed.choices or ())} codes"
        decided = Decision(closed.name, closed.type, reason)
        console.decisions = [decided if old.column == closed.name else old for old in console.decisions]
        console.warn(f"column {closed.name!r}: {reason} of the data, so they become its choices.")
    contract = replace(fitted.seen.contract, features=tuple(features))
    if left:  # what is beyond the pipeline's own limits is refused by the contract
        contract = with_limits(fitted.pipeline, contract, fitted.seen.dtypes)
        left = trial.failures(contract)
    if left:
        raise TrainingError(_refusal(trial, contract, left))
    seen = replace(fitted.seen, contract=contract)
    holdout = seen if fitted.elsewhere else replace(fitted.holdout, contract=contract)
    return replace(fitted, seen=seen, holdout=holdout)


class _Trial:
    """Asks the pipeline about rows like its first one in which one column is changed."""

    def __init__(self, fitted: Fitted) -> None:
        self._fitted = fitted
        self.matrix = fitted.seen.matrix

    def error(self, contract: Contract, rows: Values) -> str:
        """What the pipeline says about these rows; empty if it answers."""
        seen = self._fitted.seen
        engine = SklearnEngine(self._fitted.pipeline, contract, seen.dtypes, seen.classes)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                engine.predict(rows)
            except Exception as exc:  # a pipeline may raise anything
                return " ".join(str(exc).split())[:160] or type(exc).__name__
        return ""

    def rows(self, place: int, values: Iterable[float]) -> Values:
        """The first row, once for each value of the column at ``place``."""
        column = np.array(list(values), dtype=np.float64)
        rows = np.repeat(self.matrix[:1], len(column), axis=0)
        rows[:, place] = column
        return rows

    def all_rows(self, probes: list[Values]) -> Values:
        """The rows of all columns' values, below one another."""
        rows = np.repeat(self.matrix[:1], sum(map(len, probes)), axis=0)  # a stack would lose the strings of texts
        start = 0
        for place, values in enumerate(probes):
            rows[start : start + len(values), place] = values
            start += len(values)
        return rows

    def failures(self, contract: Contract) -> list[_Failure]:
        """The columns that fail alone; none if the first row itself fails."""
        probes = [
            probes_of(contract, feature, self.matrix[:, place]) for place, feature in enumerate(contract.features)
        ]
        if not any(map(len, probes)) or not self.error(contract, self.all_rows(probes)):
            return []
        if self.error(contract, self.matrix[:1]):
            return []
        found = []
        for place, values in enumerate(probes):
            told = [(value, self.error(contract, self.rows(place, [value]))) for value in values.tolist()]
            refused = sorted(((value, message) for value, message in told if message), key=lambda pair: abs(pair[0]))
            if refused:
                found.append(_Failure(place, [value for value, _ in refused], len(told), refused[0][1]))
        return found

    def closed(self, failure: _Failure) -> Feature | None:
        """The feature with the codes that were seen as its choices, if it has few and the pipeline takes no other."""
        feature = self._fitted.seen.contract.features[failure.place]
        column = np.asarray(self.matrix[:, failure.place])
        codes = np.unique(column[~np.isnan(column)])
        whole = bool(np.all(codes == np.rint(codes))) and len(codes) <= MOST_CHOICES
        if (
            feature.type not in ("number", "integer")
            or feature.choices
            or not whole
            or len(failure.refused) < failure.tried
        ):
            return None
        choices = tuple(int(code) for code in codes)
        observed = {**feature.observed, "minimum": choices[0], "maximum": choices[-1]}
        example = None if feature.example is None else int(feature.example)
        return replace(feature, type="integer", choices=choices, observed=observed, example=example)


def probes_of(contract: Contract, feature: Feature, column: Values) -> Values:
    """Valid values of a feature that its column of codes does not hold, shape (n,); null where it is allowed."""
    column = np.asarray(column)
    present = np.unique(column[~np.isnan(column)])
    null = [np.nan] if feature.nullable and not np.isnan(column).any() else []
    if feature.type in ("category", "boolean"):
        kinds = 2 if feature.type == "boolean" else len(feature.choices or ())
        values = np.setdiff1d(np.arange(kinds, dtype=np.float64), present) if kinds <= MOST_CHOICES else np.empty(0)
    elif feature.choices:
        values = np.setdiff1d(np.array(feature.choices, dtype=np.float64), present)
    elif feature.type in ("number", "integer") and len(present):
        values = _around(present, whole=feature.type == "integer")
        low, high = contract.bounds(feature)
        values = values[(values >= low) & (values <= high) & (np.abs(values) <= FARTHEST)]
    else:
        values = np.empty(0)
    return np.concatenate([values, null])


def _around(present: Values, *, whole: bool) -> Values:
    """Numbers below, between and beyond those that are present, and the usual strangers: 0, -1 and a half."""
    low, high = present[0], present[-1]
    span = max(high - low, 1.0 if whole else 1e-3 * max(abs(low), abs(high), 1e-3))
    between = (present[:-1] + present[1:]) / 2
    some = between[np.linspace(0, len(between) - 1, min(GAPS, len(between))).astype(np.int64)]
    outside = [low - span, low - span / 100, high + span / 100, high + span, 0.0, -1.0, 0.5]
    values = np.concatenate([outside, some])
    if whole:
        values = np.concatenate([np.floor(values), np.ceil(values)])
    return np.setdiff1d(values, present)


def _refusal(trial: _Trial, contract: Contract, failures: list[_Failure]) -> str:
    """A sentence for each column, and one for what helps, which was tried."""
    told = []
    for failure in failures:
        feature = contract.features[failure.place]
        shown = "null" if np.isnan(failure.refused[0]) else _shown(feature, failure.refused[0])
        told.append(f"column {feature.name!r} is {shown} ({failure.message.rstrip('.')})")
    sentence = f"the pipeline fails where {'; and where '.join(told)}. "
    if not trial.failures(_with_ranges(contract)):
        return sentence + (
            "With the ranges of the data it answers: say --ranges observed, or declare ranges of your own with "
            "--contract."
        )
    nulls = [contract.features[failure.place].name for failure in failures if any(map(np.isnan, failure.refused))]
    if nulls:
        return sentence + f"It has not learned nulls in {nulls[0]!r}: leave 'nullable: true' out of --contract."
    name = contract.features[failures[0].place].name
    return sentence + (
        f"Declare with --contract only choices or a range of {name!r} that the pipeline has learned, or fit it with an "
        "encoder that takes others (handle_unknown='ignore')."
    )


def _shown(feature: Feature, value: float) -> str:
    if feature.type == "category":
        return repr((feature.choices or ())[int(value)])
    return f"{value:.6g}"


def _with_ranges(contract: Contract) -> Contract:
    """The contract as --ranges observed makes it."""
    return replace(contract, features=tuple(_ranged(feature) for feature in contract.features))


def _ranged(feature: Feature) -> Feature:
    low, high = feature.observed.get("minimum"), feature.observed.get("maximum")
    if feature.type not in ("number", "integer") or feature.choices or low is None:
        return feature
    fields: dict[str, Any] = {
        "minimum": low if feature.minimum is None else feature.minimum,
        "maximum": high if feature.maximum is None else feature.maximum,
    }
    return replace(feature, **fields)
