"""The third source of a model: a pipeline fitted elsewhere, with a sample of its data."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.api.types import is_integer_dtype
from sklearn.pipeline import Pipeline

from inference.engines.base import Label
from inference.manifest import Manifest
from training import packing
from training.console import Console
from training.decisions import Decision, for_shell
from training.errors import ColumnError, TrainingError
from training.fitting import Fitted, measure
from training.loading import columns_of, load_pipeline, modules_of
from training.options import TableOptions, TrainingOptions
from training.overrides import Overrides
from training.run import finish
from training.sources import declared_overrides
from training.table import read_table
from training.target import check_labels, check_present, with_labels
from training.text_columns import text_columns


def pack_file(path: Path, table: TableOptions, options: TrainingOptions, console: Console) -> Manifest:
    """An artifact of a pipeline fitted elsewhere and saved to ``path``; ``table`` is a sample of its data.

    Raises:
        TrainingError: the pipeline or the sample cannot be used, or a quality gate refused it. Nothing was written.
    """
    pipeline = load_pipeline(path)
    sample = read_table(table.path, table.dialect, nullable=False, sample=table.rows, seed=options.seed).frame
    check_present(sample, table.target, str(table.path))
    names = columns_of(pipeline, sample, table.target, str(table.path), console.warn)
    overrides = declared_overrides(table)
    _check_overrides(overrides, names)
    sample, classes = _coded(_as_declared(sample, overrides), table, pipeline)
    try:
        fitted = packing.pack(
            pipeline,
            sample,
            table.target,
            with_texts(overrides, pipeline),
            ranges_observed=table.ranges_observed,
            source=table.path.name,
            warn=console.warn,
        )
    except ColumnError as exc:
        raise _worded(exc) from None
    fitted = _labelled(fitted, classes)
    console.decisions = [_decision(name, kind, overrides) for name, kind in _types(fitted)]
    console.warn("the metrics are of the sample: they are honest only if the pipeline has not seen its rows.")
    for module in modules_of(pipeline):
        console.warn(
            f"the pipeline needs your module {module!r}, which belongs to no installed package: where it is served by "
            "scikit-learn, the service must be able to import it."
        )
    algorithm = options.name or _snake(type(pipeline[-1]).__name__)
    return finish(fitted, algorithm, {"evaluated_on": "the sample", "packed": path.name}, options, console)


def _types(fitted: Fitted) -> list[tuple[str, str]]:
    return [(feature.name, feature.type) for feature in fitted.seen.contract.features]


def _decision(name: str, kind: str, overrides: Overrides) -> Decision:
    if overrides.features.get(name):
        return Decision(name, kind, "as declared")
    override = for_shell("--type", f"{name}=number") if kind == "integer" else ""
    return Decision(name, kind, "as the pipeline was fitted", override)


def _check_overrides(overrides: Overrides, names: Sequence[str]) -> None:
    """Refuse a declaration of columns that the pipeline does not have, or needs."""
    if odd := [name for name in (*overrides.features, *overrides.drop) if name not in names]:
        raise TrainingError(
            f"{overrides.source} declares {odd[0]!r}, but the pipeline was fitted without it: leave it out."
        )
    if overrides.drop:
        raise TrainingError(
            f"{overrides.source} drops {overrides.drop[0]!r}, but the pipeline needs it: leave 'drop' out, or fit a "
            "pipeline without the column."
        )


def _as_declared(sample: pd.DataFrame, overrides: Overrides) -> pd.DataFrame:
    """The sample with floats where whole numbers are declared numbers, so that the pipeline is tried on these."""
    wanted = [name for name, declared in overrides.features.items() if declared.get("type") == "number"]
    whole = [name for name in wanted if name in sample.columns and is_integer_dtype(sample[name].dtype)]
    return sample.astype(dict.fromkeys(whole, "float64"))


def _worded(error: ColumnError) -> TrainingError:
    """The refusal as it is worded for a pipeline."""
    return TrainingError(f"column {error.column!r} {error.fact}: {error.packed}.")


def _coded(sample: pd.DataFrame, table: TableOptions, pipeline: Pipeline) -> tuple[pd.DataFrame, tuple[Label, ...]]:
    """The sample with the pipeline's codes for its labels, and the names of the classes where --labels gives them."""
    own = tuple(getattr(pipeline, "classes_", ()))
    native = tuple(label.item() if isinstance(label, np.generic) else label for label in own)
    classes = with_labels(native, table.labels, table.target)
    if not table.labels:
        check_labels(native, table.target, "say --labels with a name for each class, such as --labels no,yes")
        return sample, ()
    codes = dict(zip(table.labels, own, strict=True))
    column = sample[table.target].map(lambda value: codes.get(value, value))
    return sample.assign(**{table.target: column}), classes


def _labelled(fitted: Fitted, classes: tuple[Label, ...]) -> Fitted:
    if not classes:
        return fitted
    seen = replace(fitted.seen, classes=classes)
    return measure(fitted.pipeline, seen, seen, fitted.seconds)


def with_texts(overrides: Overrides, pipeline: Pipeline) -> Overrides:
    """What is declared; columns that the pipeline reads as text are texts, unless their type is declared."""
    found = {name: {"type": "text", **overrides.features.get(name, {})} for name in text_columns(pipeline)}
    return replace(overrides, features={**overrides.features, **found})


def _snake(name: str) -> str:
    name = name.removesuffix("Classifier").removesuffix("Regressor") or name
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
