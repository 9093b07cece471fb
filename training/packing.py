"""``pack``: a pipeline that was fitted elsewhere, with its contract derived from a sample of its data."""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline

from inference.contract import Contract, Feature, Task
from inference.engines.base import Label
from inference.engines.sklearn import SklearnEngine
from inference.features import Matrix, decode
from training.column_types import kind_of
from training.conversion import converted, matrix_of
from training.dataset import Dataset, Target
from training.derivation import derive
from training.errors import TrainingError
from training.failing_step import fault_of
from training.fitted_values import fitted_values
from training.fitting import Fitted, measure
from training.last_check import compare_frames
from training.loading import columns_of
from training.overrides import Overrides
from training.own_frame import as_fitted, own_frame

SAME_ROWS = 1000
"""Rows that are answered both from the user's own frame and from decoded JSON before the slower work; then all are."""


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
        raise TrainingError(f"{source} lacks the column {lacking[0]!r} of the fit: give --data a sample with it.")
    if extra := [name for name in sample.columns if name not in {*names, target}]:
        warn(f"the pipeline does not use {', '.join(map(repr, extra[:5]))}{', ...' if len(extra) > 5 else ''}.")
    sample = sample[sample[target].notna()].reset_index(drop=True)
    if sample.empty:
        raise TrainingError(f"{source} has no row with a target: the sample needs some.")
    task: Task = "classification" if is_classifier(pipeline) else "regression"
    fitted = fitted_values(pipeline, names)
    own = pd.DataFrame({name: as_fitted(sample[name], fitted[name], warn) for name in names})
    _check_one_target(pipeline, own)
    features, matrix = _features(own, overrides, ranges_observed=ranges_observed)
    contract = Contract(task, target, features)
    wanted, classes = _target(pipeline, sample[target], task)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of unknown categories: the final check compares the answers
        found = own_frame(pipeline, contract, matrix, own, fitted, warn)
    dataset = Dataset(contract, found.forms, matrix, wanted, classes, source, own=found.frame)
    _check_same(pipeline, dataset)
    try:
        return measure(pipeline, dataset, dataset, 0.0)
    except Exception as exc:  # a pipeline may raise anything
        raise _failing(dataset, pipeline, exc) from None


def _features(own: pd.DataFrame, overrides: Overrides, *, ranges_observed: bool) -> tuple[tuple[Feature, ...], Matrix]:
    """The feature of each column, and the rows as codes."""
    features, frame = [], {}
    for name in own.columns:
        declared = _declared(own[name], overrides.features.get(name, {}))
        plain = _plain(own[name])
        kind = declared.get("type") or kind_of(plain)
        frame[name] = converted(plain, kind)
        features.append(derive(frame[name], kind, declared, ranges_observed=ranges_observed))
    return tuple(features), matrix_of(tuple(features), pd.DataFrame(frame))


def _plain(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """With Python's own values instead of numpy's in a column of objects."""
    if column.dtype != object:
        return column
    return column.map(lambda cell: cell.item() if isinstance(cell, np.generic) else cell)


def _declared(column: "pd.Series[Any]", declared: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is declared of a column; one of pandas' categories takes no value but these.

    Raises:
        TrainingError: its categories are of a kind that no feature type has, or a declared choice is none of them.
    """
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return declared
    categories = column.cat.categories.tolist()
    kinds = {type(category) for category in categories}
    if kinds == {bool} and len(categories) == 2:
        return declared
    if kinds not in ({str}, {int}):
        raise TrainingError(
            f"column {column.name!r} is a category of other things than texts or whole numbers: fit on texts or on "
            "numbers."
        )
    choices = declared.get("choices", categories)
    shown = list(map(str, categories)) if declared.get("type") == "category" else categories
    if strange := [choice for choice in choices if choice not in [*categories, *shown]]:
        raise TrainingError(
            f"column {column.name!r}: the declared choice {strange[0]!r} is not among the categories of its dtype, so "
            "the pipeline would take it for null: leave it out."
        )
    return {**declared, "choices": [str(choice) for choice in choices] if shown != categories else choices}


def _target(pipeline: Pipeline, column: "pd.Series[Any]", task: Task) -> tuple[Target, tuple[Label, ...]]:
    """The target in the pipeline's own labels, and these labels as JSON values."""
    if task == "regression":
        try:
            return column.to_numpy(np.float64), ()
        except (TypeError, ValueError):
            raise TrainingError(
                f"the target {column.name!r} holds no numbers, but the pipeline is a regression: choose another "
                "--target."
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
                f"the target {column.name!r} holds {value!r}, which is not a label of the pipeline ({known}): correct "
                "it, or choose "
                "another --target."
            )
        found.append(place)
    return pipeline.classes_[found], native


def _check_one_target(pipeline: Pipeline, own: pd.DataFrame) -> None:
    try:
        found = np.asarray(pipeline.predict(own.head(2)))
    except Exception:  # it may fail on the sample's nulls, which are looked at later
        return
    if found.size != len(own.head(2)):
        raise TrainingError("the pipeline predicts several targets at once: fit and save one pipeline for each.")


def _check_same(pipeline: Pipeline, dataset: Dataset) -> None:
    """A served row is decoded from JSON: the pipeline must answer it as it answers the user's own frame."""
    engine = SklearnEngine(pipeline, dataset.contract, dataset.dtypes, dataset.classes)
    some = dataset.take(np.arange(min(len(dataset), SAME_ROWS)))
    try:
        compare_frames(engine, some)
    except TrainingError:
        raise
    except Exception as exc:  # a pipeline may raise anything on columns it was not fitted on
        raise _failing(some, pipeline, exc) from None


def _failing(rows: Dataset, pipeline: Pipeline, exc: Exception) -> TrainingError:
    """The refusal, with the step and the column that fail on the user's own frame, or on the one made of JSON."""
    message = " ".join(str(exc).split())[:300]
    frames = (rows.frame, decode(rows.contract, rows.dtypes, rows.matrix))
    fault = next(filter(None, (fault_of(pipeline, frame.head(SAME_ROWS)) for frame in frames)), None)
    return TrainingError(
        f"the pipeline fails on {rows.source}: {message}. The sample must have the columns and dtypes of the fit; "
        f"Parquet keeps dtypes, CSV does not.{f' What fails is {fault.place}.' if fault else ''}"
    )
