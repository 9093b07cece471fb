"""Split, fit and measure: what every model goes through, ours or the user's."""

import time
from collections.abc import Mapping
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
from training.evaluation import evaluate_classification, evaluate_regression

LARGEST_COMFORTABLE = 1e30


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted pipeline, the rows it has seen, rows it has not (``holdout``), and what it answers for those."""

    pipeline: Pipeline
    seen: Dataset
    holdout: Dataset
    answers: Answers
    metrics: Mapping[str, Any]
    seconds: float

    @property
    def elsewhere(self) -> bool:
        """Whether the pipeline came fitted: then both sets of rows are the one sample, which it may have seen."""
        return self.seen is self.holdout

    @property
    def metric(self) -> str:
        """The name of the metric that tells most."""
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
    """Fit on all cores, leave the pipeline set to one (a served forest waits for threads), and measure it."""
    started = time.perf_counter()
    parallel = {"n_jobs", "n_estimators"} <= set(pipeline[-1].get_params())
    if parallel:
        pipeline[-1].set_params(n_jobs=-1)
    try:
        with np.errstate(over="ignore"):  # of what is too large scikit-learn says more itself
            pipeline.fit(seen.frame, seen.target)
    except ValueError as exc:  # what scikit-learn says of values that it cannot compute with
        told = " ".join(str(exc).split()).rstrip(".")[:300]
        raise TrainingError(
            f"{type(pipeline[-1]).__name__} cannot be fitted on these rows: {told}.{_cause(seen)}"
        ) from None
    if parallel:
        pipeline[-1].set_params(n_jobs=1)
    return measure(pipeline, seen, holdout, time.perf_counter() - started)


def _cause(seen: Dataset) -> str:
    """The commonest cause: a number that float32, in which trees compare, or a square cannot hold."""
    largest = np.nan_to_num(np.abs(seen.matrix)).max(axis=0)
    place = int(largest.argmax())
    if largest[place] <= LARGEST_COMFORTABLE:
        return ""
    name = seen.contract.names[place]
    return f" Column {name!r} holds numbers as large as {largest[place]:.3g}: rescale it, or leave it out with --drop."


def measure(pipeline: Pipeline, seen: Dataset, holdout: Dataset, seconds: float) -> Fitted:
    """Ask a fitted pipeline the held-out rows, through the engine that would serve it."""
    engine = SklearnEngine(pipeline, seen.contract, seen.dtypes, seen.classes)
    answers = engine.predict(holdout.matrix)
    if seen.contract.task == "regression":
        metrics: Mapping[str, Any] = evaluate_regression(holdout.target, answers)
    else:
        truth = indices(pipeline, holdout)
        metrics = evaluate_classification(truth, answers, seen.classes)
    return Fitted(pipeline, seen, holdout, answers, metrics, seconds)


def indices(pipeline: Pipeline, dataset: Dataset) -> NDArray[np.int64]:
    """(n,) each row's true class as an index into ``classes``."""
    places = {label: place for place, label in enumerate(pipeline.classes_)}
    return np.array([places[label] for label in dataset.target], dtype=np.int64)
