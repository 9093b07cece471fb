"""Functions of one number: what the fitted step computes, and the same of onnxruntime's operators on doubles.

Trees never see the operators: a function that never decreases vanishes into their thresholds (``thresholds``), found
with the fitted step's own arithmetic. Linear models read the operators' results, equal to within a few last bits.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from training.compiler.block import NotCompilable
from training.compiler.columns import Column, Doubles
from training.compiler.graph import Graph
from training.compiler.matrices import ordered

NONE = -np.inf
HUGE = 1e300
LAST_BITS = 1e-12
"""The most that a last bit of a power may be of the column's standard deviation."""


@dataclass(frozen=True, slots=True)
class Defined:
    """The number itself, but NaN below ``floor``."""

    floor: float
    rises: bool = False
    low: float = NONE
    keeps_null: bool = True

    def values(self, values: Doubles) -> Doubles:
        """The same numbers."""
        return np.where(values < self.floor, np.nan, values)

    def emit(self, graph: Graph, column: Column) -> str:
        """One comparison."""
        inner = ordered(graph, [column])
        below = graph.add("Less", [inner, graph.constant(self.floor)])
        return graph.add("Where", [below, graph.constant(np.nan), inner])


@dataclass(frozen=True, slots=True)
class Named:
    """One of numpy's functions."""

    name: str
    low: float = NONE
    rises: bool = True
    keeps_null: bool = True

    def values(self, values: Doubles) -> Doubles:
        """By numpy."""
        result: Doubles = getattr(np, self.name)(values)
        return result

    def emit(self, graph: Graph, column: Column) -> str:
        """By an operator, or a few."""
        return OPERATORS[self.name](graph, ordered(graph, [column]))


@dataclass(frozen=True, slots=True)
class Power:
    """``box-cox`` or ``yeo-johnson`` with one exponent, then (x - ``mean``) / ``scale``."""

    method: str
    exponent: float
    mean: float = 0.0
    scale: float = 1.0
    rises: bool = True
    keeps_null: bool = True

    @property
    def low(self) -> float:
        """A Box-Cox of numbers below 0 is not defined; scikit-learn refuses them."""
        return 0.0 if self.method == "box-cox" else NONE

    def values(self, values: Doubles) -> Doubles:
        """By scipy, as scikit-learn does."""
        function = special.boxcox if self.method == "box-cox" else stats.yeojohnson
        result: Doubles = (function(values.astype(np.float64), self.exponent) - self.mean) / self.scale
        return result

    def emit(self, graph: Graph, column: Column) -> str:
        """(e^(exponent x log) - 1) / exponent of x, or of each side of 0."""
        if np.spacing(abs(self.mean)) > LAST_BITS * self.scale:
            raise NotCompilable(
                "PowerTransformer",
                f"an exponent of {self.exponent:.3g} makes all numbers of a column nearly {self.mean:.6g}, so that "
                "their last bits decide. Trees after it are compiled; for a linear model use QuantileTransformer.",
            )
        made = self._bent(graph, ordered(graph, [column]))
        if (self.mean, self.scale) == (0.0, 1.0):
            return made
        return graph.add("Div", [graph.add("Sub", [made, graph.constant(self.mean)]), graph.constant(self.scale)])

    def _bent(self, graph: Graph, inner: str) -> str:
        if self.method == "box-cox":
            return _powered(graph, graph.add("Log", [inner]), self.exponent)
        zero = graph.constant(0.0)
        above = _powered(graph, log1p(graph, graph.add("Max", [inner, zero])), self.exponent)
        size = graph.add("Neg", [graph.add("Min", [inner, zero])])
        below = graph.add("Neg", [_powered(graph, log1p(graph, size), 2.0 - self.exponent)])
        return graph.add("Where", [graph.add("Less", [inner, zero]), below, above])


def _powered(graph: Graph, logarithm: str, exponent: float) -> str:
    """(e^(exponent x logarithm) - 1) / exponent; of an exponent of nearly 0 the logarithm itself, as scipy has it."""
    if abs(exponent) < np.spacing(1.0):
        return logarithm
    grown = expm1(graph, graph.add("Mul", [logarithm, graph.constant(exponent)]))
    return graph.add("Div", [grown, graph.constant(exponent)])


def log1p(graph: Graph, x: str) -> str:
    """log(1 + x) without the loss near 0: log(u) x / (u - 1) of u = 1 + x (Kahan)."""
    one = graph.constant(1.0)
    u = graph.add("Add", [x, one])
    near, far = graph.add("Equal", [u, one]), graph.add("Greater", [u, graph.constant(HUGE)])
    log = graph.add("Log", [u])
    ratio = graph.add("Div", [graph.add("Mul", [log, x]), graph.add("Sub", [u, one])])
    return graph.add("Where", [near, x, graph.add("Where", [far, log, ratio])])


def expm1(graph: Graph, x: str) -> str:
    """e^x - 1 without the loss near 0: (u - 1) x / log(u) of u = e^x (Kahan)."""
    one = graph.constant(1.0)
    u = graph.add("Exp", [x])
    less = graph.add("Sub", [u, one])
    near = graph.add("Equal", [u, one])
    tail = graph.add("Greater", [graph.add("Abs", [x]), graph.constant(30.0)])  # there u - 1 is exact enough, or u is 0
    ratio = graph.add("Div", [graph.add("Mul", [less, x]), graph.add("Log", [u])])
    return graph.add("Where", [near, x, graph.add("Where", [tail, less, ratio])])


def _scaled_log(base: float) -> Callable[[Graph, str], str]:
    def emit(graph: Graph, x: str) -> str:
        return graph.add("Div", [graph.add("Log", [x]), graph.constant(float(np.log(base)))])

    return emit


def _operator(name: str) -> Callable[[Graph, str], str]:
    def emit(graph: Graph, x: str) -> str:
        return graph.add(name, [x])

    return emit


OPERATORS: dict[str, Callable[[Graph, str], str]] = {
    "log": _operator("Log"),
    "log1p": log1p,
    "log2": _scaled_log(2.0),
    "log10": _scaled_log(10.0),
    "exp": _operator("Exp"),
    "expm1": expm1,
    "sqrt": _operator("Sqrt"),
    "absolute": _operator("Abs"),
    "tanh": _operator("Tanh"),
    "sign": _operator("Sign"),
    "rint": _operator("Round"),
    "floor": _operator("Floor"),
    "ceil": _operator("Ceil"),
}
SHAPES = {
    np.log: Named("log", 0.0),
    np.log1p: Named("log1p", -1.0),
    np.log2: Named("log2", 0.0),
    np.log10: Named("log10", 0.0),
    np.exp: Named("exp"),
    np.expm1: Named("expm1"),
    np.sqrt: Named("sqrt", 0.0),
    np.absolute: Named("absolute", rises=False),
    np.fabs: Named("absolute", rises=False),
    np.tanh: Named("tanh"),
    np.sign: Named("sign"),
    np.rint: Named("rint"),
    np.floor: Named("floor"),
    np.ceil: Named("ceil"),
}
"""The functions of numpy that FunctionTransformer may name; square is a product (``curved_steps``)."""
