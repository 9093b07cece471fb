"""How good predictions turned out to be, added up a chunk at a time so that no window is too large for memory.

Sources: log loss as scikit-learn clips it (probabilities at the machine's epsilon); expected calibration error as in
Guo et al., "On Calibration of Modern Neural Networks" (2017): confidence against accuracy, weighted by count.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.engines.base import Label

BINS = 10
"""Of equal width, over the probability of the predicted class."""
_SMALLEST = float(np.finfo(np.float64).eps)


class ClassificationTally:
    """Predicted against true labels. Labels that are not among ``classes`` are left out."""

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
        """Add n rows: labels, class probabilities or None, and what was true."""
        known = [
            (self._index[predicted], likely, self._index[true])
            for predicted, likely, true in zip(predictions, probabilities, outcomes, strict=True)
            if predicted in self._index and true in self._index
        ]
        if not known:
            return
        predicted = np.array([row[0] for row in known])
        true = np.array([row[2] for row in known])
        np.add.at(self._confusion, (true, predicted), 1)
        rated = [row for row, (_, likely, _) in enumerate(known) if likely is not None]
        if rated:
            matrix = np.array([known[row][1] for row in rated], dtype=np.float64)
            self._rate(matrix, predicted[rated], true[rated])

    def _rate(self, matrix: NDArray[np.float64], predicted: NDArray[Any], true: NDArray[Any]) -> None:
        rows = np.arange(len(matrix))
        self._loss -= float(np.log(np.clip(matrix[rows, true], _SMALLEST, 1 - _SMALLEST)).sum())
        self._with_probabilities += len(matrix)
        confidence = matrix[rows, predicted]
        place = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
        for row, weights in enumerate((None, confidence, (predicted == true).astype(np.float64))):
            self._bins[row] += np.bincount(place, weights, BINS)

    def summary(self) -> dict[str, Any]:
        """``confusion`` has a row a true label and a column a predicted one; None where there is nothing to say."""
        total, rated = int(self._confusion.sum()), self._with_probabilities
        return {
            "outcomes": total,
            "accuracy": float(np.trace(self._confusion)) / total if total else None,
            "log_loss": self._loss / rated if rated else None,
            "confusion": {"labels": list(self._classes), "matrix": self._confusion.tolist()},
            "calibration": self._calibration() if rated else None,
        }

    def _calibration(self) -> dict[str, Any]:
        counts, confidences, hits = self._bins
        bins = [
            {
                "from": place / BINS,
                "to": (place + 1) / BINS,
                "count": int(counts[place]),
                "mean_probability": float(confidences[place] / counts[place]),
                "accuracy": float(hits[place] / counts[place]),
            }
            for place in range(BINS)
            if counts[place]
        ]
        return {"expected_error": float(np.abs(confidences - hits).sum() / counts.sum()), "bins": bins}


class RegressionTally:
    """Predicted against true numbers."""

    def __init__(self) -> None:
        self._count, self._squares, self._absolutes, self._sum = 0, 0.0, 0.0, 0.0

    def add(self, predictions: Sequence[float], outcomes: Sequence[float]) -> None:
        """Add n rows."""
        errors = np.asarray(predictions, dtype=np.float64) - np.asarray(outcomes, dtype=np.float64)
        self._count += len(errors)
        self._squares += float(np.square(errors).sum())
        self._absolutes += float(np.abs(errors).sum())
        self._sum += float(errors.sum())

    def summary(self) -> dict[str, Any]:
        """``mean_error`` is positive where the model predicts too much; None where there is nothing to say."""
        count = self._count
        return {
            "outcomes": count,
            "rmse": (self._squares / count) ** 0.5 if count else None,
            "mae": self._absolutes / count if count else None,
            "mean_error": self._sum / count if count else None,
        }
