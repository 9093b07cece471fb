"""Rows on thresholds: where a tree would turn the other way if a number were rounded otherwise.

The compiler knows what each node compares. A column that comes from one number alone is put on each of its thresholds
and next to it; a product of two is put there, as near as doubles allow, by choosing one factor for the other.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from inference.column_form import Forms
from inference.contract import Contract
from inference.features import Matrix
from training.compiler import NotCompilable, build_graph
from training.compiler.columns import Column, Product, Raw
from training.compiler.thresholds import fold, follow, peel
from training.parity.random_rows import random_rows, within

Values = NDArray[np.float64]
Make = Callable[[int, int], Matrix]
"""The rows from one place to another of a group."""


class ThresholdRows:
    """Valid rows, random but for the numbers placed; none of a pipeline without trees or that cannot be compiled.

    Every threshold of a single number is met in seven places and of a product in one. Where that is more than ``most``
    rows, as of large forests, each is met in one place at random, and past that a random part of them is.
    """

    def __init__(self, pipeline: Any, contract: Contract, forms: Forms, draw: np.random.Generator, most: int) -> None:
        self._contract, self._draw = contract, draw
        groups: dict[Column, list[Values]] = {}
        try:
            for base, thresholds in build_graph(pipeline, contract, forms).splits:
                groups.setdefault(base, []).append(thresholds)
        except NotCompilable:
            pass
        distinct = {base: np.unique(np.concatenate(found)) for base, found in groups.items()}
        singles = {base.index: found for base, found in distinct.items() if isinstance(base, Raw)}
        self._groups: list[tuple[int, Make]] = [self._singles(singles, most // 2)]
        products = [base for base in distinct if _is_product(base)]
        for base in products:
            thresholds = draw.permutation(distinct[base])[: most // 2 // len(products)]
            self._groups.append((len(thresholds), partial(self._product, base, thresholds)))

    def __len__(self) -> int:
        return sum(count for count, _ in self._groups)

    def chunks(self, size: int) -> Iterator[Matrix]:
        """All rows, at most ``size`` at once."""
        for count, make in self._groups:
            for start in range(0, count, size):
                yield make(start, min(start + size, count))

    def _singles(self, thresholds: Mapping[int, Values], most: int) -> tuple[int, Make]:
        """Each row places every number at once: there are as many as the number with most thresholds needs."""
        placed = {}
        for index, found in thresholds.items():
            feature = self._contract.features[index]
            if feature.type in ("number", "integer") and len(found):
                around = _around(found)
                if around.size > most:
                    around = self._draw.permuted(around, axis=0)[:1]
                values = self._draw.permutation(around.ravel())[:most]
                placed[index] = within(self._contract, feature, values[np.isfinite(values)])
        count = max(map(len, placed.values()), default=0)

        def make(start: int, stop: int) -> Matrix:
            matrix = random_rows(self._contract, stop - start, self._draw)
            for index, values in placed.items():
                matrix[:, index] = values[np.arange(start, stop) % len(values)]
            return matrix

        return count, make

    def _product(self, base: Product, thresholds: Values, start: int, stop: int) -> Matrix:
        """The second factor chosen so that the product is on its threshold, or one double beside it."""
        matrix = random_rows(self._contract, stop - start, self._draw)
        first, second = peel(base.left), peel(base.right)
        assert isinstance(first.base, Raw)
        assert isinstance(second.base, Raw)
        with np.errstate(all="ignore"):
            if first.base == second.base:
                wanted = np.sqrt(thresholds[start:stop]) * self._draw.choice([-1.0, 1.0], stop - start)
            else:
                wanted = thresholds[start:stop] / follow(first.chain, matrix[:, first.base.index])
        placed = fold(second.chain, wanted)
        toward = self._draw.choice([-np.inf, 0.0, np.inf], stop - start)
        placed = np.where(toward == 0.0, placed, np.nextafter(placed, toward))
        placed = within(self._contract, self._contract.features[second.base.index], placed)
        column = matrix[:, second.base.index]
        column[np.isfinite(wanted)] = placed[np.isfinite(wanted)]
        return matrix


def _is_product(base: Column) -> TypeGuard[Product]:
    """Of two columns each of which comes from one number."""
    return isinstance(base, Product) and all(isinstance(peel(side).base, Raw) for side in (base.left, base.right))


def _around(thresholds: Values) -> Values:
    """(7, n): on each threshold, a float64 and a float32 to either side, on its float32, and the integer above."""
    single = thresholds.astype(np.float32)
    with np.errstate(over="ignore"):
        beside = [np.nextafter(single, np.float32(end)).astype(np.float64) for end in (-np.inf, np.inf)]
    doubles = [np.nextafter(thresholds, end) for end in (-np.inf, np.inf)]
    return np.stack([thresholds, *doubles, single.astype(np.float64), *beside, np.floor(thresholds) + 1])
