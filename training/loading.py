"""Load a pipeline that was fitted elsewhere from its pickle, and check that it can be served."""

import contextlib
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import sklearn
from sklearn.base import BaseEstimator, is_classifier, is_clusterer, is_outlier_detector, is_regressor
from sklearn.exceptions import InconsistentVersionWarning, NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from training.errors import TrainingError


def load_pipeline(path: Path) -> Pipeline:
    """The fitted Pipeline of a joblib or pickle file. Reading a pickle runs its code: load only your own.

    Raises:
        TrainingError: no file, no pickle, no Pipeline, not fitted, of another scikit-learn, or neither a classifier nor
            a regressor.
    """
    if not path.is_file():
        raise TrainingError(f"{path} does not exist, or is no file: check the path.")
    pipeline = _unpickled(path)
    if not isinstance(pipeline, Pipeline):
        raise TrainingError(f"{path} holds a {type(pipeline).__name__}, not a scikit-learn Pipeline: {_way(pipeline)}.")
    try:
        check_is_fitted(pipeline)
    except NotFittedError:
        raise TrainingError(f"{path} holds a Pipeline that is not fitted: call fit before saving it.") from None
    last = pipeline[-1]
    if is_outlier_detector(last) or is_clusterer(last) or not (is_classifier(pipeline) or is_regressor(pipeline)):
        raise TrainingError(f"{path} ends in {type(last).__name__}, {_instead(last)}.")
    if isinstance(getattr(pipeline, "classes_", None), list):
        raise TrainingError(f"{path} predicts several targets at once: save one pipeline for each.")
    return pipeline


def _instead(last: Any) -> str:
    """What such a last step is, and what to fit in place of it."""
    if is_outlier_detector(last):
        return "which marks outliers: fit a classifier on what it found (its fit_predict as the target), and pack that"
    if is_clusterer(last):
        return "which makes clusters: fit a classifier on these (its labels_ as the target), and pack that"
    return "neither a classifier nor a regressor: add the model as the last step, fit the Pipeline, and pack that"


def columns_of(
    pipeline: Pipeline, sample: pd.DataFrame, target: str, source: str, warn: Callable[[str], None]
) -> list[str]:
    """The names of the columns that the pipeline takes, in order.

    Fitted on an array, or on columns that are named by numbers, it has none of its own: then they are the sample's.

    Raises:
        TrainingError: it has none, and the sample has another number of columns.
    """
    own = getattr(pipeline, "feature_names_in_", None)
    if own is not None:
        return [str(name) for name in own]
    noted = list(map(str, getattr(pipeline[0], "feature_names_", None) or ()))  # CatBoost's
    if noted and set(noted) <= set(sample.columns):
        return noted
    others = [name for name in sample.columns if name != target]
    count = getattr(pipeline, "n_features_in_", None)
    if count != len(others) and (count is not None or not _answers(pipeline, sample[others])):
        wanted = f"{count} columns" if count is not None else "columns"
        raise TrainingError(
            f"the pipeline was fitted on {wanted} without names of their own, and {source} has {len(others)} beside "
            "the target: give --data a sample with just these columns, in their order, or fit it on a DataFrame whose "
            "columns are named by texts."
        )
    warn(f"the pipeline knows no column names: it is given the columns of {source} in their order.")
    _name_columns(pipeline, others)
    return others


def _answers(pipeline: Pipeline, rows: pd.DataFrame) -> bool:
    """Whether a pipeline that does not say how many columns it takes answers these; IsotonicRegression does not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return len(pipeline.predict(rows.head(2))) == len(rows.head(2))
        except Exception:  # a pipeline may raise anything
            return False


def _name_columns(step: Any, names: Sequence[str]) -> None:
    """Note the names in the first step and in what it holds, as a fit on a DataFrame does."""
    if isinstance(step, Pipeline):
        _name_columns(step[0], names)
        return
    with contextlib.suppress(AttributeError):  # a search or a vote asks its own estimator
        step.feature_names_in_ = np.array(names, dtype=object)
    for _, part, columns in getattr(step, "transformers_", ()):
        if not isinstance(part, str) and isinstance(columns, list | np.ndarray) and len(columns):
            _name_columns(part, np.array(names, dtype=object)[columns].tolist())


def modules_of(pipeline: Pipeline) -> list[str]:
    """The modules of its classes and functions that belong to no installed package."""
    parts = [pipeline, *pipeline.get_params(deep=True).values()]
    found = {str(getattr(part if callable(part) else type(part), "__module__", None)).split(".")[0] for part in parts}
    return sorted(found - {"None"} - set(sys.stdlib_module_names) - set(metadata.packages_distributions()))


def _way(thing: Any) -> str:
    """What to save instead; a fitted estimator needs no new fit to become a Pipeline's only step."""
    if isinstance(getattr(thing, "best_estimator_", None), Pipeline):
        return "save its best_estimator_"
    if isinstance(thing, BaseEstimator) and hasattr(thing, "classes_" if is_classifier(thing) else "predict"):
        return "save Pipeline([('model', it)]), which needs no new fit"
    return "fit a Pipeline of preprocessing and model, and save that"


def _unpickled(path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", InconsistentVersionWarning)
            return joblib.load(path)
    except InconsistentVersionWarning as exc:
        raise TrainingError(
            f"{path} was fitted with scikit-learn {exc.original_sklearn_version}, here is {sklearn.__version__}: "
            f"install scikit-learn=={exc.original_sklearn_version}, or fit it again."
        ) from None
    except ModuleNotFoundError as exc:
        raise TrainingError(f"{path} needs the module {exc.name!r}, which is not installed here: install it.") from None
    except AttributeError as exc:
        raise TrainingError(
            f"{path} needs code that is not here ({exc}): a function or class of a notebook cannot be served; put it "
            "into an installed module, or use stock transformers."
        ) from None
    except Exception as exc:  # unpickling garbage raises nearly anything
        raise TrainingError(
            f"{path} is no pickle of a pipeline ({type(exc).__name__}): save it with joblib.dump(pipeline, ...)."
        ) from None
