"""The column to predict: the task that follows from it, and its values as scikit-learn takes them."""

import difflib
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from inference.contract import LARGEST_INTEGER, Task
from inference.engines.base import Label
from training.column_types import alike, check_texts, kind_of
from training.dataset import Target, labels_of
from training.errors import ColumnError, TrainingError
from training.number_texts import read_numbers

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
    raise TrainingError(
        f"{source} has no column {target!r} to be the target.{meant} It has {some}: choose one of these with --target."
    )


def with_numbers(
    column: "pd.Series[Any]", task: Task | None, decimal: str, declared: str | None
) -> tuple["pd.Series[Any]", str]:
    """The target with numbers in place of texts such as '$1,200', and how they were read; as it is where they are few.

    ``declared``: its type. A category makes its values labels that are texts.

    Raises:
        TrainingError: another type was declared of it.
    """
    name = str(column.name)
    if declared not in (None, "category"):
        raise TrainingError(f"--type {name}={declared}: of the target only {name}=category; --task says the rest.")
    if declared:
        return column.map(str, na_action="ignore").astype("string"), "labels made texts"
    reading = None if task == "classification" else read_numbers(column, decimal)
    if reading is None or (task is None and column.nunique() <= MOST_CLASSES):
        return column, ""
    return reading.values, reading.reading


def task_of(column: "pd.Series[Any]") -> Task:
    """Texts, booleans and few whole numbers are classes; other numbers are measured.

    Raises:
        TrainingError: dates, or values of no use as a target.
    """
    kind = _kind(column)
    if kind in ("category", "boolean"):
        return "classification"
    present = column.dropna()
    whole = bool((present == present.round()).all())
    return "classification" if whole and present.nunique() <= MOST_CLASSES else "regression"


def _kind(column: "pd.Series[Any]") -> str:
    """The type of its values, texts looked at."""
    try:
        kind = kind_of(column)
        if kind == "category" and column.nunique() > MOST_CLASSES:
            check_texts(column)
    except ColumnError as exc:
        cure = exc.cure if "--missing" in exc.cure or "--decimal" in exc.cure else "make it numbers or labels"
        raise TrainingError(f"the target {column.name!r} {exc.fact}: {cure}, or choose another --target.") from None
    return kind


def with_labels(classes: tuple[Label, ...], labels: tuple[str, ...], target: str) -> tuple[Label, ...]:
    """The names of the classes: ``labels`` in the order of the codes that they stand for; without them the classes.

    Raises:
        TrainingError: they are not as many, or the classes are texts already.
    """
    if not labels:
        return classes
    if not classes:
        raise TrainingError(f"--labels names classes, but {target!r} is predicted as a number: leave it out.")
    if any(isinstance(label, str) for label in classes):
        raise TrainingError(
            f"--labels names codes such as 0 and 1, but the classes of {target!r} are texts: leave it out."
        )
    if len(labels) != len(classes):
        codes = ", ".join(map(str, classes[:10]))
        raise TrainingError(
            f"--labels has {len(labels)} names for {len(classes)} classes of {target!r} ({codes}): give each a name."
        )
    return labels


def check_labels(classes: tuple[Label, ...], target: str, way: str) -> None:
    """Refuse labels that JSON does not carry exactly; ``way``: what to type.

    Raises:
        TrainingError: a label is a whole number beyond 2^53.
    """
    beyond = [label for label in classes if isinstance(label, int | float) and abs(label) > LARGEST_INTEGER]
    if beyond:
        raise TrainingError(
            f"class {beyond[0]} of the target {target!r} is beyond 2^53, which JSON numbers do not carry exactly: "
            f"{way}."
        )


def read_target(column: "pd.Series[Any]", task: Task, warn: Callable[[str], None]) -> tuple[Target, tuple[Label, ...]]:
    """The target of rows that have one, and its classes (none for a regression).

    Raises:
        TrainingError: constant, not numbers for a regression, or a class of a single row.
    """
    name, kind = column.name, kind_of(column)
    if column.isna().all():
        raise TrainingError(
            f"the target {name!r} has no value in any row. The texts NA, None, null and the like are read as missing: "
            "if they are labels, say --na '', which keeps them."
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
    check_labels(classes, str(name), f"say --type '{name}=category', which makes texts of the labels")
    _check_classes(column, str(name), kind, warn)
    return labels, classes


def _check_classes(column: "pd.Series[Any]", name: str, kind: str, warn: Callable[[str], None]) -> None:
    """Refuse a class of a single row; warn of one of few rows, and of two that look alike."""
    counts = column.value_counts()
    rarest = counts.index[-1]
    rarest = rarest.item() if isinstance(rarest, np.generic) else rarest
    if counts.iloc[-1] < 2:
        raise TrainingError(
            f"class {rarest!r} of the target {name!r} has 1 row: a class needs at least 2, better 50. Collect more "
            "rows, or leave the class out" + (", or say --task regression." if kind in ("number", "integer") else ".")
        )
    if pair := alike(column):
        warn(
            f"the target {name!r} holds {pair[0]!r} and {pair[1]!r}, which differ by spaces or "
            "capitals only: two classes."
        )
    if counts.iloc[-1] < 10:
        warn(f"class {rarest!r} of the target {name!r} has {counts.iloc[-1]} rows only: its metrics mean little.")
