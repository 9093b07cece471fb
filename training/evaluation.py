"""The metrics of a fitted model on held-out rows: scikit-learn's, by their usual names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics as skm

from inference.contract import Task
from inference.engines.base import Answers, Label
from training.dataset import Target

METRICS: Mapping[Task, tuple[str, ...]] = {
    "classification": ("accuracy", "balanced_accuracy", "f1_macro", "roc_auc", "log_loss", "brier"),
    "regression": ("rmse", "mae", "r2"),
}
"""The metrics that are one number, and so may have a floor; not every model has each of them."""
LESS_IS_BETTER = ("log_loss", "brier", "rmse", "mae")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """``numbers``: each metric that is one number, by name.

    Of a classifier, in the order of its classes: ``per_class`` with precision, recall, F1 and the count of rows
    (``support``) of each; ``confusion`` with the count of rows of each true class (row) and predicted class (column).
    """

    numbers: Mapping[str, float]
    per_class: Sequence[Mapping[str, Any]] = ()
    confusion: Sequence[Sequence[int]] = ()

    def document(self) -> dict[str, Any]:
        """As the manifest holds it."""
        if not self.per_class:
            return dict(self.numbers)
        return {**self.numbers, "per_class": list(self.per_class), "confusion": list(self.confusion)}


def evaluate_regression(truth: Target, answers: Answers) -> Evaluation:
    """RMSE, MAE and R2 of n predictions; the first two in the target's unit."""
    guess = np.asarray(answers.predictions, dtype=np.float64)
    return Evaluation(
        {
            "rmse": float(skm.root_mean_squared_error(truth, guess)),
            "mae": float(skm.mean_absolute_error(truth, guess)),
            "r2": float(skm.r2_score(truth, guess)),
        }
    )


def evaluate_classification(truth: NDArray[np.int64], answers: Answers, classes: Sequence[Label]) -> Evaluation:
    """Metrics of n predictions; ``truth`` (n,) holds indices into ``classes``.

    ROC AUC, log loss and Brier score need probabilities. Of more than two classes, ROC AUC is the mean of each class
    against the rest, and the Brier score is half the squared error summed over the classes: with two it is the usual.
    """
    assert answers.chosen is not None
    places = np.arange(len(classes))
    precision, recall, f1, support = skm.precision_recall_fscore_support(
        truth, answers.chosen, labels=places, zero_division=0.0
    )
    numbers = {
        "accuracy": float(skm.accuracy_score(truth, answers.chosen)),
        "balanced_accuracy": float(np.mean(recall[support > 0])),
        "f1_macro": float(np.mean(f1)),
    }
    if answers.probabilities is not None:
        numbers |= _of_probabilities(truth, answers.probabilities, places)
    per_class = [
        {
            "class": label,
            "precision": float(precision[place]),
            "recall": float(recall[place]),
            "f1": float(f1[place]),
            "support": int(support[place]),
        }
        for place, label in enumerate(classes)
    ]
    confusion = skm.confusion_matrix(truth, answers.chosen, labels=places).tolist()
    return Evaluation(numbers, per_class, confusion)


def _of_probabilities(
    truth: NDArray[np.int64], probabilities: NDArray[np.float64], places: NDArray[np.int64]
) -> dict[str, float]:
    hits = truth[:, None] == places[None, :]
    found = {}
    if len(places) == 2 and hits.any(axis=0).all():
        found["roc_auc"] = float(skm.roc_auc_score(hits[:, 1], probabilities[:, 1]))
    elif len(places) > 2 and hits.any(axis=0).all():
        areas = [skm.roc_auc_score(hits[:, place], probabilities[:, place]) for place in places]
        found["roc_auc"] = float(np.mean(areas))
    clipped = np.clip(probabilities[np.arange(len(truth)), truth], np.finfo(np.float64).eps, 1.0)
    found["log_loss"] = float(-np.mean(np.log(clipped)))
    found["brier"] = float(np.mean(((probabilities - hits) ** 2).sum(axis=1)) / 2)
    return found
