"""How good predictions turned out to be, added up a chunk at a time so that no window is too large for memory.

Sources: log loss as scikit-learn clips it (probabilities at the machine's epsilon); expected calibration error as in
Guo et al., "On Calibration of Modern Neural Networks" (2017): confidence against accuracy, weighted by count.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.engines.base import Label

BINS = 10
"""Of equal width, over the probability of the predicted class."""
_SMALLEST = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts of rows: ``matrix[i][j]`` have the true label ``labels[i]`` and were predicted as ``labels[j]``."""

    labels: list[Label]
    matrix: list[list[int]]


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """The ``count`` rows whose predicted class had a probability from ``from_``, inclusive, to ``to``, exclusive."""

    from_: float
    to: float
    count: int
    mean_probability: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """The expected calibration error over ``bins``; bins without rows are left out."""

    expected_error: float
    bins: list[CalibrationBin]


@dataclass(frozen=True, slots=True)
class ClassificationPerformance:
    """``outcomes`` counts the labelled rows; a measure without any row is None."""

    outcomes: int
    accuracy: float | None
    log_loss: float | None
    confusion: Confusion
    calibration: Calibration | None


@dataclass(frozen=True, slots=True)
class RegressionPerformance:
    """``outcomes`` counts the labelled rows; ``mean_error`` is positive where the model predicts too much."""

    outcomes: int
    rmse: float | None
    mae: float | None
    mean_error: float | None


class ClassificationTally:
    """Predicted against true labels. Rows with a label that is not among ``classes`` are left out."""

    def __init__(self, classes: Sequence[Label]) -> None:
        self._classes = tuple(classes)
        self._index = {label: index for index, label in enumerate(self._classes)}
        size = len(self._classes)
        self._confusion: NDArray[np.int64] = np.zeros((size, size), dtype=np.int64)
        self._bins = np.zeros((3, BINS))  # count, sum of probabilities, hits
        self._loss, self._with_probabilities = 0.0, 0

    def add(
        self,
        predictions: Sequence[Label],
        probabilities: Sequence[Sequence[float] | None],
        outcomes: Sequence[Label],
    ) -> None:
        """Add n rows: predicted labels, probabilities of each class or None, and true labels."""
        known = [
            (self._index[predicted], row, self._index[true])
            for predicted, row, true in zip(predictions, probabilities, outcomes, strict=True)
            if predicted in self._index and true in self._index
        ]
        if not known:
            return
        predicted = np.array([row[0] for row in known])
        true = np.array([row[2] for row in known])
        np.add.at(self._confusion, (true, predicted), 1)
        rated = [row for row, (_, given, _) in enumerate(known) if given is not None]
        if rated:
            matrix = np.array([known[row][1] for row in rated], dtype=np.float64)
            self._rate(matrix, predicted[rated], true[rated])

    def performance(self) -> ClassificationPerformance:
        """The measures of all rows so far."""
        total, rated = int(self._confusion.sum()), self._with_probabilities
        return ClassificationPerformance(
            outcomes=total,
            accuracy=float(np.trace(self._confusion)) / total if total else None,
            log_loss=self._loss / rated if rated else None,
            confusion=Confusion(list(self._classes), self._confusion.tolist()),
            calibration=self._calibration() if rated else None,
        )

    def _rate(self, matrix: NDArray[np.float64], predicted: NDArray[Any], true: NDArray[Any]) -> None:
        rows = np.arange(len(matrix))
        self._loss -= float(np.log(np.clip(matrix[rows, true], _SMALLEST, 1 - _SMALLEST)).sum())
        self._with_probabilities += len(matrix)
        confidence = matrix[rows, predicted]
        bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
        for row, weights in enumerate((None, confidence, (predicted == true).astype(np.float64))):
            self._bins[row] += np.bincount(bins, weights, BINS)

    def _calibration(self) -> Calibration:
        counts, confidences, hits = self._bins
        bins = [
            CalibrationBin(
                from_=index / BINS,
                to=(index + 1) / BINS,
                count=int(counts[index]),
                mean_probability=float(confidences[index] / counts[index]),
                accuracy=float(hits[index] / counts[index]),
            )
            for index in range(BINS)
            if counts[index]
        ]
        return Calibration(float(np.abs(confidences - hits).sum() / counts.sum()), bins)


class RegressionTally:
    """Predicted against true numbers."""

    def __init__(self) -> None:
        self._count, self._squares, self._absolutes, self._sum = 0, 0.0, 0.0, 0.0

    def add(self, predictions: Sequence[float], outcomes: Sequence[float]) -> None:
        """Add n rows: predicted and true numbers."""
        errors = np.asarray(predictions, dtype=np.float64) - np.asarray(outcomes, dtype=np.float64)
        self._count += len(errors)
        self._squares += float(np.square(errors).sum())
        self._absolutes += float(np.abs(errors).sum())
        self._sum += float(errors.sum())

    def performance(self) -> RegressionPerformance:
        """The measures of all rows so far."""
        count = self._count
        return RegressionPerformance(
            outcomes=count,
            rmse=(self._squares / count) ** 0.5 if count else None,
            mae=self._absolutes / count if count else None,
            mean_error=self._sum / count if count else None,
        )
