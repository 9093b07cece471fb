"""Projections: sums of columns, each times its weight."""

from typing import Any

import numpy as np
from sklearn.decomposition import PCA, IncrementalPCA, TruncatedSVD

from training.compiler.block import Block, NotCompilable
from training.compiler.columns import Column, Weighted, apply
from training.compiler.handlers import transformer


@transformer(PCA, IncrementalPCA)
def principal(step: Any, block: Block, after: Any) -> list[Column]:
    """X @ components less the mean's own; divided by the standard deviations where the step whitens."""
    columns = _projected(step, block)
    means = step.mean_.reshape(1, -1) @ step.components_.T
    columns = [apply("Sub", column, float(mean)) for column, mean in zip(columns, means[0], strict=True)]
    if not step.whiten:
        return columns
    spread = np.sqrt(step.explained_variance_)
    spread[spread < np.finfo(spread.dtype).eps] = np.finfo(spread.dtype).eps
    return [apply("Div", column, float(scale)) for column, scale in zip(columns, spread, strict=True)]


@transformer(TruncatedSVD)
def truncated(step: TruncatedSVD, block: Block, after: Any) -> list[Column]:
    """X @ components."""
    return _projected(step, block)


def _projected(step: Any, block: Block) -> list[Column]:
    block.doubles(step)
    if step.components_.dtype != np.float64:
        raise NotCompilable(step, "its arithmetic is done in float32. Fit on float64 columns.")
    inner = tuple(block.columns)
    return [Weighted(inner, tuple(weights)) for weights in step.components_.tolist()]
