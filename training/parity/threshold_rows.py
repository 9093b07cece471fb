"""Rows on thresholds: where a tree would turn the other way if a number were rounded otherwise.

The compiler knows what each node compares. A column that comes from one number alone is put on each of its thresholds
and next to it; a product of two is put there, as near as doubles allow, by choosing one factor for the other.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.inference.contract import Contract
from service.inference.features import Matrix
from training.compiler import NotCompilable, build_graph
from training.compiler.columns import Column, Product, Raw
from training.compiler.thresholds import fold, follow, peel
from training.parity.random_rows import random_rows, within

Values = NDArray[np.float64]
Splits = Sequence[tuple[Column, Values]]


def threshold_rows(
    pipeline: Any, contract: Contract, dtypes: Mapping[str, str], draw: np.random.Generator, *, thorough: bool
) -> Matrix:
    """Valid rows, random but for the numbers placed; none of a pipeline without trees or that cannot be compiled.

    Every threshold of a single number is met in seven places, of a product in one, or three if ``thorough``.
    """
    try:
        splits = build_graph(pipeline, contract, dtypes).splits
    except NotCompilable:
        return np.empty((0, len(contract.features)))
    groups: dict[Column, list[Values]] = {}
    for base, thresholds in splits:
        groups.setdefault(base, []).append(thresholds)
    distinct = [(base, np.unique(np.concatenate(found))) for base, found in groups.items()]
    singles = _singles(contract, [split for split in distinct if isinstance(split[0], Raw)], draw)
    products = [
        _products(contract, base, found, draw, thorough) for base, found in distinct if isinstance(base, Product)
    ]
    return np.concatenate([singles, *products])


def _singles(contract: Contract, splits: Splits, draw: np.random.Generator) -> Matrix:
    """Each row places every number at once, so there are as many rows as the number with most thresholds needs."""
    placed = {base.index: _around(found) for base, found in splits if isinstance(base, Raw)}
    numbers = {
        index: within(contract, contract.features[index], values)
        for index, values in placed.items()
        if contract.features[index].type in ("number", "integer") and len(values)
    }
    matrix = random_rows(contract, max(map(len, numbers.values()), default=0), draw)
    for index, values in numbers.items():
        matrix[:, index] = np.resize(draw.permutation(values), len(matrix))
    return matrix


def _around(thresholds: Values) -> Values:
    """On each threshold, one float64 and one float32 to either side, and on its float32; integers next to it."""
    single = thresholds.astype(np.float32)
    with np.errstate(over="ignore"):
        beside = [np.nextafter(single, np.float32(end)).astype(np.float64) for end in (-np.inf, np.inf)]
    doubles = [np.nextafter(thresholds, end) for end in (-np.inf, np.inf)]
    around = np.concatenate([thresholds, *doubles, single.astype(np.float64), *beside, np.floor(thresholds) + 1])
    finite: Values = around[np.isfinite(around)]
    return finite


def _products(
    contract: Contract, base: Product, thresholds: Values, draw: np.random.Generator, thorough: bool
) -> Matrix:
    """Rows in which the product of two numbers is on its threshold, where the second can be chosen to make it so."""
    first, second = peel(base.left), peel(base.right)
    rows = np.repeat(thresholds, 3 if thorough else 1)
    matrix = random_rows(contract, len(rows), draw)
    if not isinstance(first.base, Raw) or not isinstance(second.base, Raw):
        return np.empty((0, len(contract.features)))
    with np.errstate(all="ignore"):
        if first.base == second.base:
            wanted = np.sqrt(rows) * draw.choice([-1.0, 1.0], len(rows))
        else:
            wanted = rows / follow(first.chain, matrix[:, first.base.index])
    known: NDArray[np.bool_] = np.isfinite(wanted)
    wanted = wanted[known]
    matrix = matrix[known]
    placed = fold(second.chain, wanted)
    for move in (-np.inf, np.inf):
        moved = draw.random(len(placed)) < 1 / 3
        placed = np.where(moved, np.nextafter(placed, move), placed)
    feature = contract.features[second.base.index]
    matrix[:, second.base.index] = within(contract, feature, placed)
    return matrix
