"""The protocol of an engine, and the answers it gives."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from inference.features import Matrix

Label = str | int | float | bool | None


class EngineError(RuntimeError):
    """The engine could not be built or could not answer; the message says why."""


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers to a matrix of n rows.

    ``predictions``: n labels, in the JSON type they were trained with, or n numbers of a regression.
    ``probabilities``: (n, classes) in the order of the manifest's ``classes``; None where the model has none.
    ``chosen``: (n,) the column of ``probabilities`` that was predicted; None for a regression.
    """

    predictions: list[Any]
    probabilities: NDArray[np.float64] | None
    chosen: NDArray[np.int64] | None

    @property
    def finite(self) -> NDArray[np.bool_]:
        """(n,) whether all numbers of an answer are finite, as JSON needs them."""
        numbers = self.predictions if self.chosen is None else self.probabilities
        if numbers is None:
            return np.ones(len(self.predictions), dtype=np.bool_)
        found = np.isfinite(np.asarray(numbers, dtype=np.float64)).reshape(len(self.predictions), -1)
        return np.asarray(found.all(axis=1), dtype=np.bool_)


class Engine(Protocol):
    """Predicts for rows that the contract has encoded."""

    name: str

    def predict(self, matrix: Matrix) -> Answers:
        """Answer a matrix of shape (rows, features); at least one row."""
        ...


def classified(
    classes: tuple[Label, ...], probabilities: NDArray[np.float64] | None, chosen: NDArray[np.int64] | None
) -> Answers:
    """A classifier's answers. Without ``chosen`` it is the first most probable class, as in scikit-learn."""
    if chosen is None:
        assert probabilities is not None
        chosen = probabilities.argmax(axis=1)
    return Answers(list(map(classes.__getitem__, chosen.tolist())), probabilities, chosen)
