"""The column to predict: the task that follows from it, and its values as scikit-learn takes them."""

import difflib
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from inference.contract import Task
from inference.engines.base import Label
from training.column_types import kind_of
from training.dataset import Target, labels_of
from training.errors import TrainingError

MOST_CLASSES = 20
"""Up to so many different whole numbers are taken for classes when no --task is given."""


def check_present(frame: pd.DataFrame, target: str, source: str) -> None:
    """Check that the frame has the target column.

    Raises:
        TrainingError: it has not; the message lists the columns.
    """
    if target in frame.columns:
        return
    alike = [name for name in frame.columns if name.strip().casefold() == target.strip().casefold()]
    near = alike or difflib.get_close_matches(target, list(frame.columns), 1)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    some = ", ".join(repr(name) for name in frame.columns[:12]) + (", ..." if len(frame.columns) > 12 else "")
    raise TrainingError(f"{source} has no column {target!r} to be the target.{meant} It has {some}.")


def task_of(column: "pd.Series[Any]") -> Task:
    """Texts, booleans and few whole numbers are classes; other numbers are measured.

    Raises:
        TrainingError: dates, or values of no use as a target.
    """
    kind = kind_of(column)
    if kind in ("category", "boolean"):
        return "classification"
    present = column.dropna()
    whole = bool((present == present.round()).all())
    return "classification" if whole and present.nunique() <= MOST_CLASSES else "regression"


def read_target(column: "pd.Series[Any]", task: Task, warn: Callable[[str], None]) -> tuple[Target, tuple[Label, ...]]:
    """The target of rows that have one, and its classes (none for a regression).

    Raises:
        TrainingError: constant, not numbers for a regression, or a class of a single row.
    """
    name, kind = column.name, kind_of(column)
    if column.isna().all():
        raise TrainingError(
            f"the target {name!r} has no value in any row. The texts NA, None, null and the like are read as missing: "
            "write such labels otherwise."
        )
    if column.nunique() < 2:
        raise TrainingError(
            f"the target {name!r} has one value only: there is nothing to learn. Choose another --target."
        )
    if task == "regression":
        if kind not in ("number", "integer"):
            raise TrainingError(
                f"the target {name!r} holds no numbers: say --task classification, or choose another one."
            )
        numbers = column.astype("Float64").to_numpy(np.float64)
        if not np.isfinite(numbers).all():
            raise TrainingError(f"the target {name!r} holds infinite values: correct them.")
        return numbers, ()
    labels, classes = labels_of(column)
    counts = column.value_counts()
    rarest = counts.index[-1]
    rarest = rarest.item() if isinstance(rarest, np.generic) else rarest
    if counts.iloc[-1] < 2:
        raise TrainingError(
            f"class {rarest!r} of the target {name!r} has 1 row: a class needs at least 2, better 50. Collect more "
            "rows, or leave the class out" + (", or say --task regression." if kind in ("number", "integer") else ".")
        )
    if counts.iloc[-1] < 10:
        warn(f"class {rarest!r} of the target {name!r} has {counts.iloc[-1]} rows only: its metrics mean little.")
    return labels, classes
