"""What two versions answer to the same rows, measured."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.engines.base import Answers, Engine, Label
from inference.features import Matrix
from inference.manifest import Manifest
from inference.performance import Calibration, ClassificationTally
from training.comparison.rows import Rows
from training.evaluation import LESS_IS_BETTER, Evaluation, evaluate_classification, evaluate_regression
from training.verification import BATCH, cpu_microseconds

Numbers = NDArray[np.float64]
CHUNK = 10_000
ROUNDS = 15
NORMAL_95 = 1.96


@dataclass(frozen=True, slots=True)
class Side:
    """One version: its answers to all rows, and its metrics and calibration on the labelled ones, if there are any.

    ``one_row`` and ``batch_row``: microseconds of computing for one row, alone and in a batch.
    """

    manifest: Manifest
    answers: Answers
    evaluation: Evaluation | None
    calibration: Calibration | None
    one_row: float
    batch_row: float


@dataclass(frozen=True, slots=True)
class Difference:
    """B minus A of a metric that is a mean over rows, with its 95 % interval; ``better``: whether B is, None: unknown.

    The interval is of the rows' paired differences, by their normal approximation.
    """

    metric: str
    value: float
    low: float
    high: float
    better: bool | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """``agreement``: the share of rows with one label; of regressions the correlation of the numbers.

    ``distances`` (n,): of each row, how far the probabilities, or the numbers relative to max(1, |A|), are apart; None
    where the versions have other classes. ``labelled``: the rows that the metrics are of.
    """

    rows: Rows
    sides: tuple[Side, Side]
    agreement: float
    distances: Numbers | None
    labelled: int
    difference: Difference | None

    @property
    def regression(self) -> bool:
        """Whether the versions predict numbers."""
        return self.sides[0].manifest.contract.task == "regression"

    def document(self) -> dict[str, Any]:
        """The measures as JSON."""
        return {
            "versions": [side.manifest.version for side in self.sides],
            "rows": len(self.rows.matrices[0]),
            "labelled": self.labelled,
            "refused": list(self.rows.refused),
            "agreement": self.agreement,
            "metrics": [dict(side.evaluation.numbers) if side.evaluation else None for side in self.sides],
            "difference": asdict(self.difference) if self.difference else None,
        }


def compare(rows: Rows, manifests: tuple[Manifest, Manifest], engines: tuple[Engine, Engine]) -> Comparison:
    """Answer every row by both versions, and measure; both took the same rows, in turns."""
    answers = tuple(_answers(engine, matrix) for engine, matrix in zip(engines, rows.matrices, strict=True))
    one, many = _times(engines, rows.matrices)
    known = _labelled(rows.truths, manifests)
    truths = [rows.truths[place] for place in known]
    sides = [
        Side(manifest, answer, *_measured(manifest, answer, known, truths), one[place], many[place])
        for place, (manifest, answer) in enumerate(zip(manifests, answers, strict=True))
    ]
    first, second = answers
    same_classes = manifests[0].classes == manifests[1].classes
    return Comparison(
        rows,
        (sides[0], sides[1]),
        _agreement(first, second),
        _distances(first, second) if same_classes else None,
        len(known),
        _difference(first, second, known, truths) if known else None,
    )


def _answers(engine: Engine, matrix: Matrix) -> Answers:
    parts = [engine.predict(matrix[start : start + CHUNK]) for start in range(0, len(matrix), CHUNK)]
    given = [part.probabilities for part in parts if part.probabilities is not None]
    chosen = [part.chosen for part in parts if part.chosen is not None]
    return Answers(
        [answer for part in parts for answer in part.predictions],
        np.concatenate(given) if given else None,
        np.concatenate(chosen) if chosen else None,
    )


def _times(engines: Sequence[Engine], matrices: Sequence[Matrix]) -> tuple[list[float], list[float]]:
    """Microseconds for one row, and for a row of a batch, of each version; measured in turns, the best round counts."""
    one, many = [math.inf, math.inf], [math.inf, math.inf]
    for turn in range(ROUNDS):
        for place in (0, 1) if turn % 2 else (1, 0):
            engine, matrix = engines[place], matrices[place]
            single, batch = matrix[:1], matrix[np.resize(np.arange(len(matrix)), BATCH)]
            one[place] = min(one[place], cpu_microseconds(lambda: engine.predict(single), 5))  # noqa: B023 # called at once
            many[place] = min(many[place], cpu_microseconds(lambda: engine.predict(batch), 1) / BATCH)  # noqa: B023 # too
    return one, many


def _labelled(truths: Sequence[Label | None], manifests: Sequence[Manifest]) -> list[int]:
    """The rows whose truth is known, and is a class of both versions."""
    if manifests[0].contract.task == "regression":
        return [place for place, truth in enumerate(truths) if _is_number(truth)]
    both = {*map(_key, manifests[0].classes)} & {*map(_key, manifests[1].classes)}
    return [place for place, truth in enumerate(truths) if truth is not None and _key(truth) in both]


def _is_number(truth: Label | None) -> bool:
    return isinstance(truth, int | float) and not isinstance(truth, bool) and math.isfinite(truth)


def _key(label: Label) -> str:
    """A label as a table may have it: 1, 1.0, "1" and true are one, "01" is another."""
    if isinstance(label, str):
        return {"true": "1", "false": "0"}.get(label.lower(), label)
    return format(float(label or 0), ".17g")


def _measured(
    manifest: Manifest, answers: Answers, known: Sequence[int], truths: Sequence[Label | None]
) -> tuple[Evaluation | None, Calibration | None]:
    if not known:
        return None, None
    some = _take(answers, known)
    if manifest.contract.task == "regression":
        return evaluate_regression(np.array(truths, dtype=np.float64), some), None
    places = {_key(label): place for place, label in enumerate(manifest.classes)}
    truth = np.array([places[_key(label)] for label in truths if label is not None], dtype=np.int64)
    tally = ClassificationTally(manifest.classes)
    given = [None] * len(known) if some.probabilities is None else some.probabilities.tolist()
    tally.add(some.predictions, given, [manifest.classes[place] for place in truth])
    return evaluate_classification(truth, some, manifest.classes), tally.performance().calibration


def _take(answers: Answers, places: Sequence[int]) -> Answers:
    rows = np.array(places, dtype=np.int64)
    return Answers(
        [answers.predictions[place] for place in places],
        None if answers.probabilities is None else answers.probabilities[rows],
        None if answers.chosen is None else answers.chosen[rows],
    )


def _agreement(first: Answers, second: Answers) -> float:
    if first.chosen is not None:
        return float(np.mean([_key(a) == _key(b) for a, b in zip(first.predictions, second.predictions, strict=True)]))
    numbers, others = np.asarray(first.predictions), np.asarray(second.predictions)
    if len(numbers) < 2 or not numbers.std() or not others.std():
        return float(np.allclose(numbers, others))
    return float(np.corrcoef(numbers, others)[0, 1])


def _distances(first: Answers, second: Answers) -> Numbers | None:
    if first.chosen is None:
        numbers, others = np.asarray(first.predictions, np.float64), np.asarray(second.predictions, np.float64)
        found: Numbers = np.abs(numbers - others) / np.maximum(1.0, np.abs(numbers))
        return found
    if first.probabilities is None or second.probabilities is None:
        return None
    apart: Numbers = np.abs(first.probabilities - second.probabilities).max(axis=1)
    return apart


def _difference(first: Answers, second: Answers, known: Sequence[int], truths: Sequence[Label | None]) -> Difference:
    """Of the accuracy, or of the mean absolute error."""
    sides = [_take(answers, known) for answers in (first, second)]
    if first.chosen is None:
        truth = np.array(truths, dtype=np.float64)
        metric, scores = "mae", [np.abs(np.asarray(side.predictions) - truth) for side in sides]
    else:
        keys = [_key(label) for label in truths if label is not None]
        metric = "accuracy"
        scores = [
            np.array([_key(a) == key for a, key in zip(side.predictions, keys, strict=True)], float) for side in sides
        ]
    apart = scores[1] - scores[0]
    value = float(apart.mean())
    reach = NORMAL_95 * float(apart.std(ddof=1)) / math.sqrt(len(apart)) if len(apart) > 1 else math.inf
    sign = -1 if metric in LESS_IS_BETTER else 1
    clear = abs(value) > reach
    return Difference(metric, value, value - reach, value + reach, bool(sign * value > 0) if clear else None)
