"""Split the rows, fit a pipeline and measure it on the held-out rows."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline

from inference.engines.base import Answers
from inference.engines.sklearn import SklearnEngine
from training.dataset import Dataset
from training.errors import TrainingError
from training.evaluation import Evaluation, evaluate_classification, evaluate_regression

LARGEST_COMFORTABLE = 1e30
CHUNK = 10_000
"""Rows that are predicted at once, so that memory is bounded."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted pipeline, the rows it was fitted on (``seen``), the held-out rows, and its answers and metrics on those.

    ``seconds``: how long the fit took.
    """

    pipeline: Pipeline
    seen: Dataset
    holdout: Dataset
    answers: Answers
    evaluation: Evaluation
    seconds: float

    @property
    def elsewhere(self) -> bool:
        """Whether the pipeline was fitted elsewhere: then both sets of rows are one sample, which it may have seen."""
        return self.seen is self.holdout

    @property
    def metric(self) -> str:
        """The name of the metric shown first: accuracy or R2."""
        return "r2" if self.seen.contract.task == "regression" else "accuracy"


def split(dataset: Dataset, share: float, seed: int) -> tuple[Dataset, Dataset]:
    """Rows to fit on and rows held out, each class in both in its own proportion.

    Raises:
        TrainingError: there are too few of them.
    """
    strata = dataset.target if dataset.contract.task == "classification" else None
    places = np.arange(len(dataset))
    try:
        seen, held = train_test_split(places, test_size=share, random_state=seed, stratify=strata)
    except ValueError:
        seen = held = places[:0]
    if len(held) < 2 or (strata is not None and len(set(strata[seen])) < len(dataset.classes)):
        raise TrainingError(
            f"{len(dataset)} rows are too few to hold {share:.0%} of them out with every class on both sides: bring "
            "more rows, or choose another --holdout."
        )
    return dataset.take(seen), dataset.take(held)


def fit(pipeline: Pipeline, seen: Dataset, holdout: Dataset) -> Fitted:
    """Fit on all cores and measure; the pipeline is left set to one core, since a served forest would wait for threads.

    Raises:
        TrainingError: scikit-learn cannot compute with these values.
    """
    started = time.perf_counter()
    parallel = {"n_jobs", "n_estimators"} <= set(pipeline[-1].get_params())
    if parallel:
        pipeline[-1].set_params(n_jobs=-1)
    try:
        with np.errstate(over="ignore"):  # scikit-learn itself reports numbers that are too large
            pipeline.fit(seen.frame, seen.target)
    except ValueError as exc:  # scikit-learn refuses values that it cannot compute with
        message = " ".join(str(exc).split()).rstrip(".")[:300]
        raise TrainingError(
            f"{type(pipeline[-1]).__name__} cannot be fitted on these rows: {message}.{_cause(seen)}"
        ) from None
    if parallel:
        pipeline[-1].set_params(n_jobs=1)
    return measure(pipeline, seen, holdout, time.perf_counter() - started)


def _cause(seen: Dataset) -> str:
    """The commonest cause of a failed fit, as a sentence: a number too large for float32 or for its square."""
    largest = np.nan_to_num(np.abs(seen.matrix)).max(axis=0)
    place = int(largest.argmax())
    if largest[place] <= LARGEST_COMFORTABLE:
        return ""
    name = seen.contract.names[place]
    return f" Column {name!r} holds numbers as large as {largest[place]:.3g}: rescale it, or leave it out with --drop."


def measure(pipeline: Pipeline, seen: Dataset, holdout: Dataset, seconds: float) -> Fitted:
    """Predict the held-out rows through scikit-learn's engine, and compute the metrics."""
    engine = SklearnEngine(pipeline, seen.contract, seen.dtypes, seen.classes)
    answers = _joined([engine.predict_frame(chunk.frame) for chunk in holdout.chunks(CHUNK)])
    if seen.contract.task == "regression":
        evaluation = evaluate_regression(holdout.target, answers)
    else:
        truth = indices(pipeline, holdout)
        evaluation = evaluate_classification(truth, answers, seen.classes)
    return Fitted(pipeline, seen, holdout, answers, evaluation, seconds)


def _joined(parts: Sequence[Answers]) -> Answers:
    def whole(arrays: Sequence[Any]) -> Any:
        return None if any(array is None for array in arrays) else np.concatenate(arrays)

    predictions = [answer for part in parts for answer in part.predictions]
    return Answers(predictions, whole([part.probabilities for part in parts]), whole([part.chosen for part in parts]))


def indices(pipeline: Pipeline, dataset: Dataset) -> NDArray[np.int64]:
    """(n,) each row's true class as an index into ``classes``."""
    places = {label: place for place, label in enumerate(pipeline.classes_)}
    return np.array([places[label] for label in dataset.target], dtype=np.int64)
