"""The three sources of a model: the default data set, a table, a pipeline fitted elsewhere."""

from collections.abc import Mapping
from dataclasses import replace
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
from training.options import TableOptions, TrainingOptions
from training.overrides import Overrides, read_overrides
from training.preprocessing import make_pipeline
from training.run import finish, train
from training.table import read_table
from training.target import check_present, read_target, task_of
from training.text_columns import text_columns


def train_default(model: str, options: TrainingOptions, console: Console) -> Manifest:
    """The default model, or another family on the same data and features."""
    console.step(f"making the example data set ({default_model.ROWS:,} rows, seed {options.seed})")
    dataset = default_model.make_dataset(options.seed)

    family = FAMILIES[model]
    estimator = None if family.name == "random_forest" else family.make("classification", options.seed)

    def make(settings: Mapping[str, Any]) -> Pipeline:
        pipeline = default_model.make_pipeline(options.seed, estimator=estimator and clone(estimator))
        return pipeline.set_params(**{f"model__{name}": value for name, value in settings.items()})

    return train(dataset, options.name or family.name, make, family.space, options, console)


def train_table(table: TableOptions, model: str, options: TrainingOptions, console: Console) -> Manifest:
    """A model of the family ``model`` of the user's own table.

    Raises:
        TrainingError: the table cannot be learned from, or a quality gate refused the model. Nothing was written.
    """
    dataset = dataset_of_table(table, options.seed, console)
    family, contract = FAMILIES[model], dataset.contract

    def make(settings: Mapping[str, Any]) -> Pipeline:
        return make_pipeline(contract, family.make(contract.task, options.seed, **settings), family.needs)

    make({})  # raises before any work if the family does not do the task
    return train(dataset, options.name or family.name, make, family.space, options, console)


def dataset_of_table(table: TableOptions, seed: int, console: Console) -> Dataset:
    """The table's rows under the contract that is derived from it and the overrides.

    Raises:
        TrainingError: the table cannot be read, or a column can be neither feature nor target.
    """
    frame = read_table(table.path, table.dialect)
    check_present(frame, table.target, str(table.path))
    overrides = _overrides(table)
    dropped = [*table.drop, *overrides.drop]
    if unknown := [name for name in dropped if name not in frame.columns or name == table.target]:
        raise TrainingError(f"--drop {unknown[0]!r}: {table.path} has no such column beside the target.")
    frame = _with_target(frame.drop(columns=dropped), table.target, console)
    column: pd.Series[Any] = frame[table.target]
    task = table.task or task_of(column)
    target, classes = read_target(column, task, console.warn)
    features, inputs = derive_features(
        frame.drop(columns=table.target), overrides, ranges_observed=table.ranges_observed, warn=console.warn
    )
    console.step(f"{table.path}: {len(frame):,} rows, {len(features)} features; {task} of {table.target!r}")
    contract = Contract(task, table.target, features)
    dtypes = {feature.name: dtype_of(feature) for feature in features}
    dataset = Dataset(contract, dtypes, matrix_of(features, inputs), target, classes, table.path.name)
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


def pack_file(path: Path, table: TableOptions, options: TrainingOptions, console: Console) -> Manifest:
    """An artifact of a pipeline fitted elsewhere and saved to ``path``; ``table`` is a sample of its data.

    Raises:
        TrainingError: the pipeline or the sample cannot be used, or a quality gate refused it. Nothing was written.
    """
    pipeline = load_pipeline(path)
    sample = read_table(table.path, table.dialect, nullable=False)
    check_present(sample, table.target, str(table.path))
    fitted = packing.pack(
        pipeline,
        sample,
        table.target,
        _with_texts(_overrides(table), pipeline),
        ranges_observed=table.ranges_observed,
        source=table.path.name,
        warn=console.warn,
    )
    console.warn("the metrics are of the sample: they are honest only if the pipeline has not seen its rows.")
    algorithm = options.name or _snake(type(pipeline[-1]).__name__)
    return finish(fitted, algorithm, {"evaluated_on": "the sample", "packed": path.name}, options, console)


def _snake(name: str) -> str:
    name = name.removesuffix("Classifier").removesuffix("Regressor") or name
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def _with_texts(overrides: Overrides, pipeline: Any) -> Overrides:
    """What is declared; columns that the pipeline reads as text are texts, unless their type is declared."""
    found = {name: {"type": "text", **overrides.features.get(name, {})} for name in text_columns(pipeline)}
    return replace(overrides, features={**overrides.features, **found})


def _overrides(table: TableOptions) -> Overrides:
    return read_overrides(table.contract) if table.contract else Overrides()
