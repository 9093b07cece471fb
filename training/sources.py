"""The three sources of a model: the default data set, a table, a pipeline fitted elsewhere."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from inference.contract import Contract, Task
from inference.manifest import Manifest
from training import default_model
from training.console import Console
from training.conversion import dtype_of, matrix_of
from training.dataset import Dataset
from training.decisions import Decision, with_notes
from training.derivation import derive_features
from training.errors import TrainingError
from training.families import FAMILIES
from training.leakage import warn_of_leaks
from training.options import TableOptions, TrainingOptions
from training.overrides import Overrides, read_overrides
from training.preprocessing import make_pipeline
from training.run import train
from training.table import read_table
from training.target import check_present, read_target, task_of, with_labels, with_numbers


def train_default(model: str, options: TrainingOptions, console: Console) -> Manifest:
    """The default model, or another family on the same data and features."""
    console.step(f"making the example data set ({default_model.ROWS:,} rows, seed {options.seed})")
    dataset = default_model.make_dataset(options.seed)

    family = FAMILIES[model]
    estimator = None if family.name == "random_forest" else family.make("classification", options.seed)
    weights = family.balanced("classification") if options.balanced else {}

    def make(settings: Mapping[str, Any]) -> Pipeline:
        pipeline = default_model.make_pipeline(options.seed, estimator=estimator and clone(estimator))
        return pipeline.set_params(**{f"model__{name}": value for name, value in {**settings, **weights}.items()})

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

    def weigh(settings: Mapping[str, Any]) -> Pipeline:
        return make({**settings, **(family.balanced(contract.task) if options.balanced else {})})

    weigh({})  # raises before any work if the family does not do the task
    return train(dataset, options.name or family.name, weigh, family.space, options, console)


def dataset_of_table(table: TableOptions, seed: int, console: Console) -> Dataset:
    """The table's rows under the contract that is derived from it and the overrides.

    Raises:
        TrainingError: the table cannot be read, or a column can be neither feature nor target.
    """
    read = read_table(table.path, table.dialect, sample=table.rows, seed=seed)
    frame = read.frame
    check_present(frame, table.target, str(table.path))
    overrides = declared_overrides(table)
    dropped = [*table.drop, *overrides.drop]
    if unknown := [name for name in dropped if name not in frame.columns or name == table.target]:
        raise TrainingError(f"--drop {unknown[0]!r}: {table.path} has no such column beside the target: leave it out.")
    frame = _with_target(frame.drop(columns=dropped), table.target, console)
    declared = table.types.get(table.target)
    column, reading = with_numbers(frame[table.target], table.task, table.dialect.decimal, declared)
    task = table.task or task_of(column)
    target, classes = read_target(column, task, console.warn)
    classes = with_labels(classes, table.labels, table.target)
    found: list[Decision] = []
    features, inputs = derive_features(
        frame.drop(columns=table.target),
        overrides,
        ranges_observed=table.ranges_observed,
        warn=console.warn,
        decide=found.append,
        decimal=table.dialect.decimal,
    )
    found += [Decision(name, "left out", "as was said") for name in dropped]
    console.decisions = with_notes([_of_target(column, table, task, reading), *found], read.notes)
    console.step(f"{table.path}: {len(frame):,} rows, {len(features)} features; {task} of {table.target!r}")
    contract = Contract(task, table.target, features)
    dtypes = {feature.name: dtype_of(feature) for feature in features}
    dataset = Dataset(contract, dtypes, matrix_of(features, inputs), target, classes, table.path.name)
    warn_of_leaks(dataset, seed, console.warn)
    return dataset


def _of_target(column: "pd.Series[Any]", table: TableOptions, task: Task, reading: str) -> Decision:
    counted = f"{task}: {column.nunique()} different values"
    override = ""
    if task == "classification" and is_numeric_dtype(column.dtype) and not is_bool_dtype(column.dtype):
        override = "--task regression"
    elif task == "regression" and int(column.value_counts().min()) > 1:
        override = "--task classification"
    return Decision(table.target, "target", f"{counted}; {reading}" if reading else counted, override)


def _with_target(frame: pd.DataFrame, target: str, console: Console) -> pd.DataFrame:
    known = frame[target].notna()
    if not known.all():
        console.warn(f"{int((~known).sum())} of {len(frame)} rows have no target {target!r}: they are left out.")
    frame = frame[known].reset_index(drop=True)
    if isinstance(frame[target].dtype, pd.CategoricalDtype):
        frame = frame.assign(**{target: frame[target].astype(object)})
    return frame


def declared_overrides(table: TableOptions) -> Overrides:
    """What the file and --type declare; --type wins."""
    overrides = read_overrides(table.contract) if table.contract else Overrides(source="--type")
    features = {name: dict(declared) for name, declared in overrides.features.items()}
    for name, kind in table.types.items():
        if name != table.target:
            features[name] = {**features.get(name, {}), "type": kind}
    return Overrides(features, overrides.drop, overrides.source)
