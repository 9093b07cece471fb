"""Steps that make features of features, or choose among them."""

from itertools import combinations, combinations_with_replacement
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
from sklearn.preprocessing import PolynomialFeatures

from training.compiler.block import Block
from training.compiler.columns import Column, Constant, Product
from training.compiler.handlers import transformer


@transformer(PolynomialFeatures)
def polynomial(step: PolynomialFeatures, block: Block, after: Any) -> list[Column]:
    """Products in scikit-learn's own order: the first factor times the product of the others."""
    block.doubles(step)
    degree = step.degree
    low, high = (0, degree) if isinstance(degree, int) else degree
    choose = combinations if step.interaction_only else combinations_with_replacement
    columns: list[Column] = [Constant(1.0)] if step.include_bias else []
    for size in range(max(low, 1), high + 1):
        columns += [_product(block, chosen) for chosen in choose(range(len(block.columns)), size)]
    return columns


def _product(block: Block, chosen: tuple[int, ...]) -> Column:
    first = block.columns[chosen[0]]
    return first if len(chosen) == 1 else Product(_product(block, chosen[1:]), first)


@transformer(
    RFE, RFECV, SelectFdr, SelectFpr, SelectFromModel, SelectFwe, SelectKBest, SelectPercentile, VarianceThreshold
)
def selection(step: Any, block: Block, after: Any) -> list[Column]:
    """Those that were chosen at the fit."""
    return [
        block.derive(column, after, position, lambda same: same)
        for position, column in enumerate(step.get_support(indices=True).tolist())
    ]
