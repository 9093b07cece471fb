"""Imputers: fill nulls, and indicate them."""

from functools import partial
from typing import Any

import numpy as np
from sklearn.impute import MissingIndicator, SimpleImputer

from training.compiler.block import Block, NotCompilable
from training.compiler.columns import Column, fill, missing
from training.compiler.handlers import transformer


@transformer(SimpleImputer)
def simple(step: SimpleImputer, block: Block, after: Any) -> list[Column]:
    """Every strategy ends in one value a column; columns empty at the fit are dropped, indicators appended."""
    _only_null(step)
    block.doubles(step)
    empty = np.array([value is None or value != value for value in step.statistics_], dtype=bool)
    columns_left = np.arange(len(empty)) if step.keep_empty_features else np.flatnonzero(~empty)
    values = step.statistics_[columns_left].astype(step._fill_dtype)  # as transform does: integers stay integers
    columns = [
        block.derive(column, after, position, partial(_filled, value))
        for position, (column, value) in enumerate(zip(columns_left.tolist(), values, strict=True))
    ]
    if step.add_indicator:
        columns += _indicators(step.indicator_, block, after, len(columns))
    return columns


@transformer(MissingIndicator)
def indicator(step: MissingIndicator, block: Block, after: Any) -> list[Column]:
    """1 where null, of the features chosen at the fit."""
    _only_null(step)
    return _indicators(step, block, after, 0)


def _filled(value: Any, column: Column) -> Column:
    return fill(column, float(value))  # a formula is for numbers only: texts are read off the probe


def _indicators(step: MissingIndicator, block: Block, after: Any, start: int) -> list[Column]:
    return [
        block.derive(column, after, start + position, missing)
        for position, column in enumerate(step.features_.tolist())
    ]


def _only_null(step: Any) -> None:
    wanted = step.missing_values
    if wanted is not None and wanted == wanted:
        raise NotCompilable(step, f"missing_values={wanted!r} is not compiled; only null is.")
