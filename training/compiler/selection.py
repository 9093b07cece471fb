"""Feature selection: some of the columns, unchanged."""

from typing import Any

from sklearn.feature_selection import (
    RFE,
    RFECV,
    SelectFdr,
    SelectFpr,
    SelectFromModel,
    SelectFwe,
    SelectKBest,
    SelectPercentile,
    VarianceThreshold,
)

from training.compiler.block import Block
from training.compiler.columns import Column
from training.compiler.registry import transformer


@transformer(
    RFE, RFECV, SelectFdr, SelectFpr, SelectFromModel, SelectFwe, SelectKBest, SelectPercentile, VarianceThreshold
)
def selection(step: Any, block: Block, after: Any) -> list[Column]:
    """Those that were chosen at the fit."""
    return [
        block.derive(column, after, position, lambda same: same)
        for position, column in enumerate(step.get_support(indices=True).tolist())
    ]
