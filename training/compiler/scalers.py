"""Scalers: one or two operations a column, in scikit-learn's order, so that each rounding is the same."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from scipy import sparse
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from training.compiler.block import Block
from training.compiler.columns import Column, Operation, apply
from training.compiler.handlers import transformer

Stage = tuple[Operation, Sequence[float] | None]


@transformer(StandardScaler)
def standard(step: StandardScaler, block: Block, after: Any) -> list[Column]:
    """(x - mean) / scale; a sparse x is multiplied by 1 / scale."""
    mean = step.mean_ if step.with_mean else None
    scale = step.scale_ if step.with_std else None
    return _scaled(step, block, after, [("Sub", mean), _divided(block, scale)])


@transformer(RobustScaler)
def robust(step: RobustScaler, block: Block, after: Any) -> list[Column]:
    """(x - center) / scale."""
    center = step.center_ if step.with_centering else None
    scale = step.scale_ if step.with_scaling else None
    return _scaled(step, block, after, [("Sub", center), _divided(block, scale)])


@transformer(MinMaxScaler)
def min_max(step: MinMaxScaler, block: Block, after: Any) -> list[Column]:
    """X * scale + min, clipped if the scaler is set so."""
    stages: list[Stage] = [("Mul", step.scale_), ("Add", step.min_)]
    return _scaled(
        step,
        block,
        after,
        stages + (_clip(step.feature_range[0], step.feature_range[1], len(step.min_)) if step.clip else []),
    )


@transformer(MaxAbsScaler)
def max_abs(step: MaxAbsScaler, block: Block, after: Any) -> list[Column]:
    """X / scale, clipped if the scaler is set so."""
    clip = _clip(-1.0, 1.0, len(step.scale_)) if getattr(step, "clip", False) else []
    return _scaled(step, block, after, [_divided(block, step.scale_), *clip])


def _divided(block: Block, scale: Any) -> Stage:
    return ("Mul", 1 / scale) if scale is not None and sparse.issparse(block.data) else ("Div", scale)


def _clip(low: float, high: float, width: int) -> list[Stage]:
    return [("Max", [low] * width), ("Min", [high] * width)]


def _scaled(step: Any, block: Block, after: Any, stages: Sequence[Stage]) -> list[Column]:
    block.doubles(step)

    def scaled(index: int, column: Column) -> Column:
        for operation, operands in stages:
            if operands is not None:
                column = apply(operation, column, float(operands[index]))
        return column

    return [block.derive(index, after, index, partial(scaled, index)) for index in range(len(block.columns))]
