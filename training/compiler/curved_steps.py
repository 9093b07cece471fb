"""Steps that bend each column by itself: named functions, powers, quantiles, bins."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    PowerTransformer,
    QuantileTransformer,
)
from sklearn.utils import check_array

from training.compiler.block import Block, NotCompilable, cells
from training.compiler.columns import Coded, Column, Product, Table, apply, bend, simplified
from training.compiler.curves import SHAPES, Power
from training.compiler.handlers import transformer
from training.compiler.pieces import Binned, Quantile


@transformer(FunctionTransformer)
def function(step: FunctionTransformer, block: Block, after: Any) -> list[Column]:
    """The identity, or one of numpy's functions."""
    if step.func is None or getattr(step.func, "func", None) is check_array:  # hist gradient boosting's own
        return list(block.columns)
    known = isinstance(step.func, np.ufunc) and (step.func in SHAPES or step.func in (np.square, np.negative))
    if not known or step.kw_args:
        names = ", ".join(sorted({each.__name__ for each in SHAPES} | {"square", "negative"}))
        raise NotCompilable(step, f"only the identity (func=None) and numpy's {names} are compiled.")
    block.doubles(step)

    def bent(column: Column) -> Column:
        column = simplified(column)
        if step.func is np.square:
            return Product(column, column)
        return apply("Mul", column, -1.0) if step.func is np.negative else bend(column, SHAPES[step.func])

    return [block.derive(index, after, index, bent) for index in range(len(block.columns))]


@transformer(PowerTransformer)
def power(step: PowerTransformer, block: Block, after: Any) -> list[Column]:
    """Each column's own exponent, then (x - mean) / scale."""
    block.doubles(step)

    def powered(index: int, column: Column) -> Column:
        scaler = step._scaler if step.standardize else None
        mean, scale = (0.0, 1.0) if scaler is None else (float(scaler.mean_[index]), float(scaler.scale_[index]))
        return bend(column, Power(step.method, float(step.lambdas_[index]), mean, scale))

    return [block.derive(index, after, index, partial(powered, index)) for index in range(len(block.columns))]


@transformer(QuantileTransformer)
def quantile(step: QuantileTransformer, block: Block, after: Any) -> list[Column]:
    """Between the quantiles seen, in a straight line."""
    block.doubles(step)
    if sparse.issparse(block.data):
        raise NotCompilable(step, "its zeros of a sparse matrix are not compiled. Make the encoder's output dense.")
    return [
        block.derive(index, after, index, partial(bend, shape=Quantile(step, index)))
        for index in range(len(block.columns))
    ]


@transformer(KBinsDiscretizer)
def bins(step: KBinsDiscretizer, block: Block, after: Any) -> list[Column]:
    """The number of a bin, or a column for each bin."""
    if step.dtype is None:
        block.doubles(step)
    elif np.dtype(step.dtype) != np.float64 and step.encode != "ordinal":
        raise NotCompilable(step, f"dtype={step.dtype!r} is not compiled.")
    columns: list[Column] = []
    for index, edges in enumerate(step.bin_edges_):
        binned = Binned(tuple(float(edge) for edge in edges[1:-1]))
        if step.encode == "ordinal":
            columns.append(block.derive(index, after, index, partial(bend, shape=binned)))
            continue
        columns += _one_hot(block, after, index, binned, step._encoder.categories_[index].tolist(), len(columns))
    return columns


def _one_hot(
    block: Block, after: Any, index: int, binned: Binned, categories: Sequence[float], start: int
) -> list[Column]:
    column = block.columns[index]
    if isinstance(column, Table):
        return [block.derive(index, after, start + place, lambda same: same) for place in range(len(categories))]
    made = bend(column, binned)
    return [Coded(made, (float(category),), (1.0,), 0.0) for category in categories]


@transformer(Binarizer)
def binary(step: Binarizer, block: Block, after: Any) -> list[Column]:
    """1 above the threshold, else 0."""
    block.doubles(step)
    if cells(after).dtype != np.float64 and not all(isinstance(column, Table) for column in block.columns):
        raise NotCompilable(step, "it is compiled for columns of doubles only. Scale or impute before it.")
    shape = Binned((float(np.nextafter(float(step.threshold), np.inf)),))
    return [block.derive(index, after, index, partial(bend, shape=shape)) for index in range(len(block.columns))]
