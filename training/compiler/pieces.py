"""Functions with pieces: which interval a number lies in, found by a tree of doubles, and what holds there."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import TensorProto
from scipy import stats
from sklearn.preprocessing._data import BOUNDS_THRESHOLD

from training.compiler.columns import Column, Doubles
from training.compiler.graph import Graph
from training.compiler.matrices import ordered
from training.compiler.normal import quantile_of_normal
from training.compiler.tree_ensemble import Tree, add_ensemble

NONE = -np.inf


def interval(graph: Graph, column: Column, edges: tuple[float, ...], below: bool) -> str:
    """(n, 1) doubles: how many of the sorted ``edges`` are <= x, or < x where ``below``. Few comparisons a row."""
    return graph.remember((column, edges, below), lambda: _interval(graph, column, np.array(edges), below))


def _interval(graph: Graph, column: Column, edges: Doubles, below: bool) -> str:
    distinct, counts = np.unique(edges, return_counts=True)
    limits = distinct if below else np.nextafter(distinct, -np.inf)
    totals = np.cumsum([0, *counts]).astype(np.float64)
    return add_ensemble(graph, [column], [_search_tree(limits, totals)], 1, rounded=False)


def _search_tree(limits: Doubles, totals: Doubles) -> Tree:
    """A balanced tree: the value ``totals[k]`` of a number that exceeds the first k limits."""
    nodes: list[tuple[float, int, int, float]] = []

    def grow(low: int, high: int) -> int:
        place = len(nodes)
        nodes.append((0.0, -1, -1, float(totals[low])))
        if low < high:
            middle = (low + high) // 2
            left, right = grow(low, middle), grow(middle + 1, high)
            nodes[place] = (float(limits[middle]), left, right, 0.0)
        return place

    grow(0, len(limits))
    threshold, left, right, weight = (np.array(values) for values in zip(*nodes, strict=True))
    none = np.zeros(len(nodes), dtype=np.int64)
    return Tree(none, threshold, left, right, none.astype(np.bool_), none, weight)


@dataclass(frozen=True, slots=True)
class Binned:
    """How many of the inner ``edges`` a number reaches."""

    edges: tuple[float, ...]
    rises: bool = True
    low: float = NONE
    keeps_null: bool = False

    def values(self, values: Doubles) -> Doubles:
        """By numpy, as scikit-learn does."""
        return np.searchsorted(np.array(self.edges), values, side="right").astype(np.float64)

    def emit(self, graph: Graph, column: Column) -> str:
        """One tree."""
        return interval(graph, column, self.edges, below=False)


@dataclass(frozen=True, eq=False)
class Quantile:
    """One column of a QuantileTransformer; equal only to itself."""

    step: Any
    place: int
    rises: bool = True
    low: float = NONE
    keeps_null: bool = True

    def values(self, values: Doubles) -> Doubles:
        """By the step itself."""
        made: Doubles = self.step._transform_col(
            np.array(values, dtype=np.float64), self.step.quantiles_[:, self.place], False
        )
        return made

    def emit(self, graph: Graph, column: Column) -> str:
        """The mean of the interpolations from both sides, which differ where quantiles are equal; then the bounds."""
        x, y = self.step.quantiles_[:, self.place], self.step.references_
        inner = ordered(graph, [column])
        sides = [_line(graph, column, inner, x, y, below) for below in (False, True)]
        mean = graph.add("Mul", [graph.add("Add", sides), graph.constant(0.5)])
        normal = self.step.output_distribution == "normal"
        margin = graph.constant(BOUNDS_THRESHOLD if normal else 0.0)
        upper = graph.add(
            "Greater" if normal else "GreaterOrEqual", [graph.add("Add", [inner, margin]), graph.constant(float(x[-1]))]
        )
        lower = graph.add(
            "Less" if normal else "LessOrEqual", [graph.add("Sub", [inner, margin]), graph.constant(float(x[0]))]
        )
        bounded = graph.add("Where", [upper, graph.constant(1.0), mean])
        bounded = graph.add("Where", [lower, graph.constant(0.0), bounded])
        if not normal:
            return bounded
        ends = stats.norm.ppf([BOUNDS_THRESHOLD - np.spacing(1), 1 - (BOUNDS_THRESHOLD - np.spacing(1))])
        return quantile_of_normal(graph, bounded, float(ends[0]), float(ends[1]))


def _line(graph: Graph, column: Column, inner: str, x: Doubles, y: Doubles, below: bool) -> str:
    """The interpolation of numpy, of equal quantiles the last, or the first where ``below``."""
    with np.errstate(all="ignore"):
        slopes = np.nan_to_num(np.diff(y) / np.diff(x), posinf=0.0, neginf=0.0)
    zero = np.zeros(1)
    start = np.r_[x[0], x] if not below else np.r_[x, x[-1]]
    base = np.r_[y[0], y] if not below else np.r_[y, y[-1]]
    slope = np.r_[zero, slopes, zero]
    place = graph.cast(interval(graph, column, tuple(x.tolist()), below), TensorProto.INT64)
    begin, steep, height = (graph.add("Gather", [graph.constant(v), place], axis=0) for v in (start, slope, base))
    away = graph.add("Sub", [inner, begin])
    return graph.add("Add", [graph.add("Mul", [steep, away]), height])


@dataclass(frozen=True, slots=True)
class Polynomials:
    """A polynomial of x - edge in each interval between ``edges``; ``coefficients``: highest power first, by interval.

    ``null``: the value of NaN; None where it is not valid.
    """

    edges: tuple[float, ...]
    coefficients: tuple[tuple[float, ...], ...]
    null: float | None
    rises: bool = False
    low: float = NONE
    keeps_null: bool = False
    last_bits_differ: bool = True
    """scikit-learn adds up basis functions by de Boor's rule."""

    def values(self, values: Doubles) -> Doubles:
        """By Horner's rule, as the graph does."""
        place = np.searchsorted(np.array(self.edges[1:]), values, side="right")
        away = values - np.array(self.edges)[place]
        result = np.zeros(len(values))
        for row in self.coefficients:
            result = result * away + np.array(row)[place]
        return result if self.null is None else np.where(np.isnan(values), self.null, result)

    def emit(self, graph: Graph, column: Column) -> str:
        """A tree, then a multiplication and an addition for each power."""
        inner = ordered(graph, [column])
        place = graph.cast(interval(graph, column, self.edges[1:], below=False), TensorProto.INT64)
        begin = graph.add("Gather", [graph.constant(self.edges), place], axis=0)
        away = graph.add("Sub", [inner, begin])
        total = None
        for row in self.coefficients:
            power = graph.add("Gather", [graph.constant(row), place], axis=0)
            total = power if total is None else graph.add("Add", [graph.add("Mul", [total, away]), power])
        assert total is not None
        if self.null is None:
            return total
        return graph.add("Where", [graph.add("IsNaN", [inner]), graph.constant(self.null), total])
