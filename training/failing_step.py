"""Where a pipeline fails on a frame: the step, and the column that makes it fail, both found by trying."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline


@dataclass(frozen=True, slots=True)
class Fault:
    """``place``: a clause such as "the step 'scale' (StandardScaler) on column 'city'"; ``message``: what it said."""

    place: str
    message: str


def fault_of(pipeline: Pipeline, frame: pd.DataFrame) -> Fault | None:
    """The first step that fails on these rows; None if none does."""
    data: Any = frame
    for name, step in pipeline.steps:
        if step is None or step == "passthrough":
            continue
        call = step.predict if step is pipeline[-1] and hasattr(step, "predict") else step.transform
        if message := _error(call, data):
            return _inside(f"the step {name!r} ({type(step).__name__})", step, call, data, message)
        data = _quietly(call, data)
    return None


def _inside(place: str, step: Any, call: Callable[[Any], Any], data: Any, message: str) -> Fault:
    """The fault in a step: in a transformer of a ColumnTransformer, a step of a pipeline, on a column."""
    if isinstance(step, Pipeline) and (inner := fault_of(step, data)):
        return inner
    if isinstance(step, ColumnTransformer) and isinstance(data, pd.DataFrame):
        for name, part, columns in step.transformers_:
            if isinstance(part, str) or not _named(columns, data):
                continue
            some = data[list(columns)]
            if found := _error(part.transform, some):
                return _inside(f"its transformer {name!r} ({type(part).__name__})", part, part.transform, some, found)
    if isinstance(data, pd.DataFrame):
        guilty = next((str(name) for name in data.columns if _is_guilty(call, data, name)), None)
        if guilty is None and len(data.columns) == 1:
            guilty = str(data.columns[0])
        if guilty is not None:
            place += f" on column {guilty!r} (of dtype {data[guilty].dtype})"
    return Fault(place, message)


def _named(columns: Any, data: pd.DataFrame) -> bool:
    return isinstance(columns, list | np.ndarray | pd.Index) and all(name in data.columns for name in columns)


def _is_guilty(call: Callable[[Any], Any], data: pd.DataFrame, name: Any) -> bool:
    """Whether the step answers once the column holds one plain value: its commonest, or 0."""
    common = data[name].mode()
    for value in ([common.iloc[0]] if len(common) else []) + [0]:
        if not _error(call, data.assign(**{name: value})):
            return True
    return False


def _error(call: Callable[[Any], Any], data: Any) -> str:
    try:
        _quietly(call, data)
    except Exception as exc:  # a step may raise anything
        return " ".join(str(exc).split()) or type(exc).__name__
    return ""


def _quietly(call: Callable[[Any], Any], data: Any) -> Any:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return call(data)
