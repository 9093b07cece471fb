"""The three places a model comes from: the example, a table, a pipeline fitted elsewhere."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from inference.contract import Contract
from inference.manifest import Manifest
from training import default_model, packing
from training.console import Console
from training.conversion import dtype_of, matrix_of
from training.dataset import Dataset
from training.derivation import derive_features
from training.errors import TrainingError
from training.families import FAMILIES
from training.leakage import warn_of_leaks
from training.loading import load_pipeline
from training.overrides import Overrides, read_overrides
from training.preprocessing import make_pipeline
from training.run import TrainingOptions, finish, train
from training.table import Dialect, read_table
from training.target import check_present, read_target, task_of

Options = Mapping[str, Any]


def train_example(options: Options, wishes: TrainingOptions, console: Console) -> Manifest:
    """The default model, or another family on the same data and features."""
    console.step(f"making the example data set ({default_model.ROWS:,} rows, seed {wishes.seed})")
    dataset = default_model.make_dataset(wishes.seed)

    family = FAMILIES[options["model"]]
    estimator = None if family.name == "random_forest" else family.make("classification", wishes.seed)

    def make(settings: Mapping[str, Any]) -> Pipeline:
        pipeline = default_model.make_pipeline(wishes.seed, estimator=estimator and clone(estimator))
        return pipeline.set_params(**{f"model__{name}": value for name, value in settings.items()})

    return train(dataset, options["name"] or family.name, make, family.space, wishes, console)


def train_table(options: Options, wishes: TrainingOptions, console: Console) -> Manifest:
    """A model of the user's own table."""
    dataset = examples_of_table(options, wishes.seed, console)
    family, contract = FAMILIES[options["model"]], dataset.contract

    def make(settings: Mapping[str, Any]) -> Pipeline:
        return make_pipeline(contract, family.make(contract.task, wishes.seed, **settings), family.needs)

    make({})  # says no before any work if the family does not do the task
    return train(dataset, options["name"] or family.name, make, family.space, wishes, console)


def examples_of_table(options: Options, seed: int, console: Console) -> Dataset:
    """The table under the contract that it shows and the overrides correct."""
    path: Path = options["data"]
    target: str = options["target"]
    frame = read_table(path, _dialect(options))
    check_present(frame, target, str(path))
    overrides = _overrides(options)
    without = [*options["drop"], *overrides.drop]
    if unknown := [name for name in without if name not in frame.columns or name == target]:
        raise TrainingError(f"--drop {unknown[0]!r}: {path} has no such column beside the target.")
    frame = frame.drop(columns=without)
    frame = _with_target(frame, target, console)
    column: pd.Series[Any] = frame[target]
    task = options["task"] or task_of(column)
    wanted, classes = read_target(column, task, console.warn)
    features, inputs = derive_features(
        frame.drop(columns=target), overrides, ranges_observed=options["ranges"] == "observed", warn=console.warn
    )
    console.step(f"{path}: {len(frame):,} rows, {len(features)} features; {task} of {target!r}")
    contract = Contract(task, target, features)
    dtypes = {feature.name: dtype_of(feature) for feature in features}
    dataset = Dataset(contract, dtypes, matrix_of(features, inputs), wanted, classes, path.name)
    warn_of_leaks(dataset, seed, console.warn)
    return dataset


def _with_target(frame: pd.DataFrame, target: str, console: Console) -> pd.DataFrame:
    known = frame[target].notna()
    if not known.all():
        console.warn(f"{int((~known).sum())} of {len(frame)} rows have no target {target!r}: they are left out.")
    frame = frame[known].reset_index(drop=True)
    if isinstance(frame[target].dtype, pd.CategoricalDtype):
        frame = frame.assign(**{target: frame[target].astype(object)})
    return frame


def pack_file(options: Options, wishes: TrainingOptions, console: Console) -> Manifest:
    """An artifact of a pipeline fitted elsewhere."""
    pipeline = load_pipeline(options["pipeline"])
    sample = read_table(options["data"], _dialect(options), nullable=False)
    check_present(sample, options["target"], str(options["data"]))
    fitted = packing.pack(
        pipeline,
        sample,
        options["target"],
        _overrides(options),
        ranges_observed=options["ranges"] == "observed",
        source=options["data"].name,
        warn=console.warn,
    )
    console.warn("the metrics are of the sample: they are honest only if the pipeline has not seen its rows.")
    algorithm = options["name"] or _snake(type(pipeline[-1]).__name__)
    return finish(
        fitted, algorithm, {"evaluated_on": "the sample", "packed": options["pipeline"].name}, wishes, console
    )


def _snake(name: str) -> str:
    name = name.removesuffix("Classifier").removesuffix("Regressor") or name
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def _overrides(options: Options) -> Overrides:
    return read_overrides(options["contract"]) if options["contract"] else Overrides()


def _dialect(options: Options) -> Dialect:
    return Dialect(options["delimiter"], options["decimal"], options["encoding"], tuple(options["missing"]))
