"""``python -m training registered``: an artifact of a plain MLflow scikit-learn model, as a registry holds it.

Run by the service in a process of its own, since reading the model's pickle runs the code in it. There are no labelled
rows, so the artifact has no metrics. What it takes is told by the model's signature, its input example and the fitted
pipeline; what none of them tells is refused by column.
"""

import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, is_classifier, is_regressor
from sklearn.pipeline import Pipeline

from inference.manifest import Manifest
from inference.naming import is_version
from service.settings import Settings
from training.console import Console
from training.engine_choice import choose_engine
from training.errors import TrainingError
from training.evaluation import Evaluation
from training.fitted_elsewhere import with_texts
from training.fitted_values import FittedValues, fitted_values
from training.open_categories import open_categories
from training.overrides import Overrides
from training.packing import pack
from training.publishing import publish

TARGET = "prediction"
NO_WAY = "log it with mlflow.sklearn.log_model(pipeline, input_example=frame), with a signature"
TYPES: Mapping[str, str] = {
    **dict.fromkeys(("double", "float"), "number"),
    **dict.fromkeys(("long", "integer"), "integer"),
    "boolean": "boolean",
}
"""The type of a feature by that of a signature; strings are told by the fitted pipeline."""
PARITY_ROWS = 20_000


@click.command("registered", hidden=True)
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--name", required=True)
@click.option("--number", required=True, type=click.IntRange(1))
def registered(folder: Path, name: str, number: int) -> None:
    """Pack the MLflow model in FOLDER as <name>-<number> in ARTIFACTS_DIR. Its pickle is read: its code runs."""
    import os

    if not is_version(f"{name}-{number}"):
        raise TrainingError(f"{name}-{number} can be no name of a version.")
    console = Console()
    warnings.showwarning = console.show_library_warning
    manifest = pack_registered(folder, name, number, Settings.read(os.environ).artifacts_dir, console)
    click.echo(manifest.version)


def pack_registered(folder: Path, name: str, number: int, root: Path, console: Console) -> Manifest:
    """The artifact.

    Raises:
        TrainingError: the model is of another library, or lacks what tells its rows. Nothing was written.
    """
    with tempfile.TemporaryDirectory() as own:  # MLflow takes a path for an address, in which %40 is @
        (plain := Path(own) / "model").symlink_to(folder.absolute())
        pipeline, example, types = _loaded(plain)
    if target := next((column for column in (TARGET, "predicted") if column not in example.columns), ""):
        overrides = _overrides(pipeline, example, types)
    else:
        raise TrainingError(f"the model has columns named {TARGET!r} and 'predicted': rename one.")
    sample = example.assign(**{target: pipeline.predict(example)})
    fitted = pack(
        pipeline,
        sample,
        target,
        with_texts(overrides, pipeline),
        ranges_observed=False,
        source="the input example",
        warn=console.warn,
    )
    fitted = open_categories(replace(fitted, evaluation=Evaluation({})), False, console.warn, console.step)
    choice = choose_engine(fitted, PARITY_ROWS, 0)
    facts = {"evaluated_on": "nothing: the registry holds no labelled rows", "packed": f"{name}, version {number}"}
    return publish(root, name, fitted, choice, facts, 0, None, number)


def _loaded(folder: Path) -> tuple[Pipeline, pd.DataFrame, Mapping[str, str]]:
    """The pipeline, its input example, and the type of each column by the signature."""
    from mlflow.models import Model
    from mlflow.sklearn import load_model

    place = next(iter(sorted(folder.resolve().rglob("MLmodel"))), None)
    if place is None:
        raise TrainingError("what is registered holds neither a manifest.json nor an MLmodel: register it again.")
    here = str(folder / place.parent.relative_to(folder.resolve()))
    described = Model.load(here)
    if "sklearn" not in described.flavors:
        found = ", ".join(name for name in described.flavors if name != "python_function") or "python_function alone"
        raise TrainingError(f"it is a model of {found}, not of scikit-learn: {NO_WAY}.")
    if described.signature is None or described.signature.inputs is None:
        raise TrainingError(f"it has no signature: {NO_WAY}.")
    if described.signature.inputs.is_tensor_spec():
        raise TrainingError(f"its signature is of a tensor without column names: {NO_WAY} of named columns.")
    example = described.load_input_example(here)
    if not isinstance(example, pd.DataFrame) or example.empty:
        raise TrainingError(f"it has no input example that is a frame: {NO_WAY}.")
    try:
        model = load_model(here)
    except Exception as exc:  # reading a pickle raises nearly anything
        raise TrainingError(
            f"its model cannot be read here: {' '.join(str(exc).split())[:300]}. Install what it was made with."
        ) from None
    return _as_pipeline(model), example, {one.name: one.type.name for one in described.signature.inputs.inputs}


def _as_pipeline(model: Any) -> Pipeline:
    if not isinstance(model, BaseEstimator) or not (is_classifier(model) or is_regressor(model)):
        raise TrainingError(
            f"its model is a {type(model).__name__}, neither a classifier nor a regressor: fit one of these."
        )
    return model if isinstance(model, Pipeline) else Pipeline([("model", model)])


def _overrides(pipeline: Pipeline, example: pd.DataFrame, types: Mapping[str, str]) -> Overrides:
    """What the signature and the fitted pipeline say of each column.

    Raises:
        TrainingError: the values of a column of texts are known to neither.
    """
    names = [str(name) for name in getattr(pipeline, "feature_names_in_", example.columns)]
    if lacking := [name for name in names if name not in example.columns]:
        raise TrainingError(
            f"its input example lacks the column {lacking[0]!r}, which the fit had: log it again with one."
        )
    fitted = fitted_values(pipeline, names)
    texts = with_texts(Overrides(), pipeline).features
    features: dict[str, Mapping[str, Any]] = {}
    for name in names:
        kind = TYPES.get(types.get(name, "").lower())
        known = fitted[name]
        if name in texts:
            continue
        if kind is None or known.texts:
            features[name] = _category(name, known)
        elif kind == "integer" and known.values:  # an encoder of whole numbers
            features[name] = {"type": kind, "choices": sorted(int(value) for value in known.values)}
        else:
            features[name] = {"type": kind}
        if known.null is not None or (kind == "number" and known.filled):
            features[name] = {**features[name], "nullable": True}
    return Overrides(features, (), "the signature")


def _category(name: str, known: FittedValues) -> dict[str, Any]:
    if not known.values or not all(isinstance(value, str | bool | np.bool_) for value in known.values):
        raise TrainingError(
            f"column {name!r} is of texts, and no encoder of the pipeline lists which: fit the column through an "
            "OrdinalEncoder or a OneHotEncoder, which keep the categories."
        )
    return {"type": "category", "choices": sorted(map(str, known.values))}
