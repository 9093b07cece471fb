"""SplineTransformer: each basis function is a polynomial in each interval between two knots."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.interpolate import BSpline, PPoly
from sklearn.preprocessing import SplineTransformer

from training.compiler.block import Block
from training.compiler.columns import Column, Doubles, Table, apply, bend
from training.compiler.graph import Graph
from training.compiler.handlers import transformer
from training.compiler.matrices import ordered
from training.compiler.pieces import Polynomials


@dataclass(frozen=True, slots=True)
class Wrapped:
    """``start`` + (x - start) modulo ``period``, as numpy takes it."""

    start: float
    period: float
    rises: bool = False
    low: float = -np.inf
    keeps_null: bool = True

    def values(self, values: Doubles) -> Doubles:
        """By numpy."""
        result: Doubles = self.start + (values - self.start) % self.period
        return result

    def emit(self, graph: Graph, column: Column) -> str:
        """The remainder has the sign of x: a negative one gets a period more."""
        period, start = graph.constant(self.period), graph.constant(self.start)
        away = graph.add("Sub", [ordered(graph, [column]), start])
        rest = graph.add("Mod", [away, period], fmod=1)
        negative = graph.add("Less", [rest, graph.constant(0.0)])
        rest = graph.add("Where", [negative, graph.add("Add", [rest, period]), rest])
        return graph.add("Add", [start, rest])


@transformer(SplineTransformer)
def splines(step: SplineTransformer, block: Block, after: Any) -> list[Column]:
    """Every basis function of every column, beyond the knots as ``extrapolation`` says."""
    block.doubles(step)
    columns: list[Column] = []
    for index, spline in enumerate(step.bsplines_):
        width = spline.c.shape[1] - (0 if step.include_bias else 1)
        column = block.columns[index]
        if isinstance(column, Table):
            start = len(columns)
            columns += [block.derive(index, after, start + place, lambda same: same) for place in range(width)]
            continue
        low, high = float(spline.t[spline.k]), float(spline.t[-spline.k - 1])
        if step.extrapolation == "constant":
            column = _clipped(column, low, high)
        if step.extrapolation == "periodic" and high > low:
            column = bend(column, Wrapped(low, high - low))
        null = 0.0 if step.handle_missing == "zeros" else None
        columns += [bend(column, _pieces(step, spline, place, null)) for place in range(width)]
    return columns


def _clipped(column: Column, low: float, high: float) -> Column:
    return apply("Min", apply("Max", column, low), high)


def _pieces(step: SplineTransformer, spline: BSpline, place: int, null: float | None) -> Polynomials:
    """The polynomials between the knots within the range, and a straight line on either side where that is asked."""
    low, high = float(spline.t[spline.k]), float(spline.t[-spline.k - 1])
    own = BSpline(spline.t, spline.c[:, place], spline.k)
    whole = PPoly.from_spline(own)
    edges = np.unique(spline.t[(spline.t >= low) & (spline.t <= high)])
    edges = edges[:-1] if len(edges) > 1 else edges
    chosen = np.clip(np.searchsorted(whole.x, edges, side="right") - 1, 0, whole.c.shape[1] - 1)
    rows = whole.c[:, chosen]
    if step.extrapolation == "linear":
        slope = own.derivative()
        lines = np.zeros((len(rows), 2))
        lines[-1] = own(low), own(high)
        if len(rows) > 1:
            lines[-2] = slope(low), slope(high)
        rows = np.column_stack([lines[:, 0], rows, lines[:, 1]])
        # A number on the last knot itself is inside; the line starts there with the same value.
        edges = np.array([low, *edges, high])
    return Polynomials(tuple(edges.tolist()), tuple(tuple(row) for row in rows.tolist()), null)
