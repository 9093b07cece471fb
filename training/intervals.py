"""Intervals of a model's metrics: how far they would move on other rows of the same kind.

The percentile bootstrap (Efron, 1979): the measured rows are drawn again with replacement, and measured again.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.engines.base import Answers
from training.dataset import Target
from training.evaluation import METRICS, evaluate_classification, evaluate_regression
from training.fitting import Fitted, indices

RESAMPLES = 200
MOST_ROWS = 5_000
"""Of more rows, this many are resampled, and the interval is narrowed to that of all."""


def intervals(fitted: Fitted, seed: int) -> dict[str, tuple[float, float]]:
    """The 95 % interval of each metric on the held-out rows, by name."""
    draw = np.random.default_rng(seed)
    rows = len(fitted.holdout)
    some = draw.permutation(rows)[:MOST_ROWS]
    truth = fitted.holdout.target if fitted.answers.chosen is None else indices(fitted.pipeline, fitted.holdout)
    found: dict[str, list[float]] = {}
    for _ in range(RESAMPLES):
        drawn = some[draw.integers(0, len(some), len(some))]
        for name, value in _numbers(fitted, truth[drawn], _rows(fitted.answers, drawn)).items():
            found.setdefault(name, []).append(value)
    narrowed = np.sqrt(len(some) / rows)
    made = {}
    for name in METRICS[fitted.seen.contract.task]:
        if len(found.get(name, ())) == RESAMPLES and np.isfinite(found[name]).all():
            value = fitted.evaluation.numbers[name]
            centre = float(np.median(found[name])) if narrowed < 1 else value
            low, high = (value + narrowed * (np.percentile(found[name], share) - centre) for share in (2.5, 97.5))
            made[name] = (float(low), float(high))
    return made


def _numbers(fitted: Fitted, truth: NDArray[Any] | Target, answers: Answers) -> dict[str, float]:
    if answers.chosen is None:
        return dict(evaluate_regression(truth, answers).numbers)
    return dict(evaluate_classification(truth, answers, fitted.seen.classes).numbers)


def _rows(answers: Answers, rows: NDArray[np.int64]) -> Answers:
    """The answers to these rows, in this order."""
    taken: dict[str, Any] = {"predictions": [answers.predictions[row] for row in rows]}
    for name in ("probabilities", "chosen"):
        if (values := getattr(answers, name)) is not None:
            taken[name] = values[rows]
    return replace(answers, **taken)
