"""Encoders: of categories read off the probe, of numbers by a table over the categories that were fitted."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder

from training.compiler.block import UNSEEN, Block, NotCompilable, cells
from training.compiler.columns import Coded, Column, Table, number
from training.compiler.handlers import transformed, transformer


@transformer(OneHotEncoder)
def one_hot(step: OneHotEncoder, block: Block, after: Any) -> list[Column]:
    """Any drop, unknown and rare-category rule: the fitted encoder itself fills the tables."""
    return _encoded(step, block, after, [int(width) for width in step._n_features_outs])


@transformer(OrdinalEncoder)
def ordinal(step: OrdinalEncoder, block: Block, after: Any) -> list[Column]:
    """One code a feature, with the encoded values of missing and unknown."""
    return _encoded(step, block, after, [1] * len(block.columns))


@transformer(TargetEncoder)
def target(step: TargetEncoder, block: Block, after: Any) -> list[Column]:
    """The mean of the target, or of several classes the share of each."""
    return _encoded(step, block, after, [cells(after).shape[1] // len(block.columns)] * len(block.columns))


def _encoded(step: Any, block: Block, after: Any, widths: list[int]) -> list[Column]:
    columns: list[Column] = []
    for index, width in enumerate(widths):
        start = len(columns)
        if isinstance(block.columns[index], Table):
            _check_listed(step, block.columns[index], step.categories_[index])
            columns += [block.derive(index, after, start + offset, lambda same: same) for offset in range(width)]
        else:
            columns += _of_numbers(step, block, index, range(start, start + width))
    return columns


def _check_listed(step: Any, column: Column, fitted: Any) -> None:
    """Refuse an open category whose encoder knows a text that the contract does not list: it is no unseen value."""
    values = column.values if isinstance(column, Table) else ()
    if UNSEEN in values and (others := [text for text in fitted if isinstance(text, str) and text not in values]):
        raise NotCompilable(step, f"it knows the category {others[0]!r}, which the contract does not list: add it.")


def _of_numbers(step: Any, block: Block, index: int, places: range) -> list[Column]:
    """One column of the result for each of ``places``, as a function of the number in column ``index``."""
    keys = [number(category) for category in step.categories_[index]]
    finite = [key for key in keys if key == key]
    unknown = max(finite, default=0.0) + 1.0
    lenient = getattr(step, "handle_unknown", "mean") != "error"
    probed = [*keys, unknown] if lenient else keys
    made = cells(_encode(step, block, index, probed))[:, list(places)].astype(np.float64)
    default = made[len(keys)] if lenient else np.zeros(len(places))
    columns = []
    for offset in range(len(places)):
        differs = [place for place in range(len(keys)) if not _same(made[place, offset], default[offset])]
        listed = tuple(keys[place] for place in differs)
        values = tuple(float(made[place, offset]) for place in differs)
        columns.append(Coded(block.columns[index], listed, values, float(default[offset])))
    return list(columns)


def _same(one: float, other: float) -> bool:
    return bool(one == other or (one != one and other != other))


def _encode(step: Any, block: Block, index: int, values: list[float]) -> Any:
    """The fitted encoder's result for rows that differ in the column ``index`` only."""
    first = np.zeros(len(values), dtype=np.int64)
    if isinstance(block.data, pd.DataFrame):
        rows: Any = block.data.iloc[first].reset_index(drop=True)
        rows.isetitem(index, values)
    else:
        rows = cells(block.data)[first]
        rows = rows if rows.dtype == object else rows.astype(np.float64)
        rows[:, index] = values
    return transformed(step, rows)
