"""``pack``: a pipeline that was fitted elsewhere, with its contract derived from a sample of its data."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline

from inference.contract import Contract, Task
from inference.engines.base import Label
from inference.engines.sklearn import SklearnEngine
from training.column_types import kind_of
from training.conversion import converted, matrix_of
from training.dataset import Dataset, Target
from training.derivation import derive
from training.errors import TrainingError
from training.fitting import Fitted, measure
from training.loading import columns_of
from training.overrides import Overrides

MOST_ROWS = 20_000
"""Rows of a sample that are measured: enough for two digits."""
SAME_ROWS = 1000
"""Rows of a sample that are predicted both from the user's own frame and from decoded JSON."""


def pack(
    pipeline: Pipeline,
    sample: pd.DataFrame,
    target: str,
    overrides: Overrides,
    *,
    ranges_observed: bool,
    source: str,
    warn: Callable[[str], None],
) -> Fitted:
    """The pipeline as if it had been fitted here, with its metrics on the sample, which it may have seen.

    Raises:
        TrainingError: the sample lacks a column, has values the pipeline cannot take, or labels it does not know.
    """
    names = columns_of(pipeline, sample, target, source, warn)
    if lacking := [name for name in names if name not in sample.columns]:
        raise TrainingError(f"{source} lacks the column {lacking[0]!r}, which the pipeline was fitted on.")
    if extra := [name for name in sample.columns if name not in {*names, target}]:
        warn(f"the pipeline does not use {', '.join(map(repr, extra[:5]))}{', ...' if len(extra) > 5 else ''}.")
    sample = sample[sample[target].notna()].head(MOST_ROWS)
    if sample.empty:
        raise TrainingError(f"{source} has no row with a target: the sample needs some.")
    task: Task = "classification" if is_classifier(pipeline) else "regression"
    features, frame = [], {}
    for name in names:
        _check_dtype(sample[name])
        declared = overrides.features.get(name, {})
        kind = declared.get("type") or kind_of(sample[name])
        frame[name] = converted(sample[name], kind)
        features.append(derive(frame[name], kind, declared, ranges_observed=ranges_observed))
    contract = Contract(task, target, tuple(features))
    dtypes = {name: _wide(sample[name]) for name in names}
    matrix = matrix_of(contract.features, pd.DataFrame(frame))
    own = _own_answers(pipeline, sample[names].head(SAME_ROWS), source)
    wanted, classes = _target(pipeline, sample[target], task)
    dataset = Dataset(contract, dtypes, matrix, wanted, classes, source)
    _check_same(pipeline, own, dataset)
    return measure(pipeline, dataset, dataset, 0.0)


def _wide(column: "pd.Series[Any]") -> str:
    """The dtype that a served row has: integers in 64 bits, since a narrow one would wrap a number beyond it.

    Arrow's numbers become pandas' own.
    """
    if pd.api.types.is_integer_dtype(column.dtype):
        return "int64" if isinstance(column.dtype, np.dtype) else "Int64"
    if isinstance(column.dtype, pd.ArrowDtype) and pd.api.types.is_float_dtype(column.dtype):
        return "Float64" if str(column.dtype).startswith("double") else "Float32"
    return str(column.dtype)


def _check_dtype(column: "pd.Series[Any]") -> None:
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype) and not all(isinstance(value, str) for value in dtype.categories):
        raise TrainingError(
            f"column {column.name!r} is a category of other things than texts: fit on texts or on numbers."
        )


def _target(pipeline: Pipeline, column: "pd.Series[Any]", task: Task) -> tuple[Target, tuple[Label, ...]]:
    """The target in the pipeline's own labels, and these labels as JSON values."""
    if task == "regression":
        try:
            return column.to_numpy(np.float64), ()
        except (TypeError, ValueError):
            raise TrainingError(
                f"the target {column.name!r} holds no numbers, but the pipeline is a regression."
            ) from None
    own = list(pipeline.classes_)
    native = tuple(label.item() if isinstance(label, np.generic) else label for label in own)
    if odd := [label for label in native if not isinstance(label, str | int | float | bool)]:
        raise TrainingError(f"the pipeline's label {odd[0]!r} cannot be said in JSON: use texts, numbers or booleans.")
    places = {label: place for place, label in enumerate(native)}
    by_text = {str(label): place for label, place in places.items()}
    found = []
    for value in column.tolist():
        place = places.get(value, by_text.get(str(value)))
        if place is None:
            known = ", ".join(map(repr, native[:10]))
            raise TrainingError(
                f"the target {column.name!r} holds {value!r}, which is not a label of the pipeline: {known}."
            )
        found.append(place)
    return pipeline.classes_[found], native


def _own_answers(pipeline: Pipeline, rows: pd.DataFrame, source: str) -> list[Any]:
    """The pipeline's predictions for the user's own frame."""
    try:
        own = np.asarray(pipeline.predict(rows))
    except Exception as exc:  # a pipeline may raise anything on columns it was not fitted on
        raise _failing(source, exc) from None
    if own.size != len(rows):
        raise TrainingError("the pipeline predicts several targets at once: fit and save one pipeline for each.")
    return own.reshape(-1).tolist()


def _check_same(pipeline: Pipeline, own: list[Any], dataset: Dataset) -> None:
    """A served row is decoded from JSON: the pipeline must predict it as it predicts the user's own frame."""
    some = dataset.take(np.arange(len(own)))
    try:
        served = SklearnEngine(pipeline, some.contract, some.dtypes, some.classes).predict(some.matrix)
    except Exception as exc:
        raise _failing(dataset.source, exc) from None
    differing = sum(a != b for a, b in zip(own, served.predictions, strict=True))
    if differing:
        raise TrainingError(
            f"{differing} of {len(some)} rows of {dataset.source} are answered otherwise once they went through JSON "
            "types: make texts, whole numbers, numbers or booleans of the columns before fitting."
        )


def _failing(source: str, exc: Exception) -> TrainingError:
    message = " ".join(str(exc).split())[:300]
    return TrainingError(
        f"the pipeline fails on {source}: {message}. The sample must have the columns and dtypes of the fit; Parquet "
        "keeps dtypes, CSV does not."
    )
