"""Load a pipeline that was fitted elsewhere from its pickle, and check that it can be served."""

import warnings
from pathlib import Path
from typing import Any

import joblib
import sklearn
from sklearn.base import BaseEstimator, is_classifier, is_regressor
from sklearn.exceptions import InconsistentVersionWarning, NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from training.errors import TrainingError


def load_pipeline(path: Path) -> Pipeline:
    """The fitted Pipeline of a joblib or pickle file. Reading a pickle runs its code: load only your own.

    Raises:
        TrainingError: no file, no pickle, no Pipeline, not fitted, without column names, of another scikit-learn, or
            neither a classifier nor a regressor.
    """
    if not path.is_file():
        raise TrainingError(f"{path} does not exist, or is no file.")
    pipeline = _unpickled(path)
    if not isinstance(pipeline, Pipeline):
        raise TrainingError(f"{path} holds a {type(pipeline).__name__}, not a scikit-learn Pipeline: {_way(pipeline)}.")
    try:
        check_is_fitted(pipeline)
    except NotFittedError:
        raise TrainingError(f"{path} holds a Pipeline that is not fitted: call fit before saving it.") from None
    if not (is_classifier(pipeline) or is_regressor(pipeline)):
        raise TrainingError(f"{path} ends in {type(pipeline[-1]).__name__}, neither a classifier nor a regressor.")
    if getattr(pipeline, "feature_names_in_", None) is None:
        raise TrainingError(
            f"{path} was fitted on arrays without column names: fit it on a DataFrame, so that its inputs have names."
        )
    if isinstance(getattr(pipeline, "classes_", None), list):
        raise TrainingError(f"{path} predicts several targets at once: save one pipeline for each.")
    return pipeline


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
