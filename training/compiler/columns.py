"""Columns as expressions: what each column of an intermediate result is, in terms of the matrix of codes.

A column is never a number but the way to it, so that constants fold, scalers vanish into the thresholds of trees, and
only what the last step really reads becomes nodes of the graph (see ``graph``).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Operation = Literal["Sub", "Div", "Mul", "Add", "Max", "Min", "Round"]
Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Raw:
    """A column of the matrix itself."""

    index: int
    nullable: bool


@dataclass(frozen=True, slots=True)
class Constant:
    """The same number in every row."""

    value: float


@dataclass(frozen=True, slots=True)
class Table:
    """A value for each code of the matrix column ``source``, the last for null; strings until a step encodes them."""

    source: int
    nullable: bool
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Coded:
    """A value for each listed number ``keys`` of ``column`` (NaN may be one), ``default`` for any other."""

    column: "Column"
    keys: tuple[float, ...]
    values: tuple[float, ...]
    default: float


@dataclass(frozen=True, slots=True)
class Missing:
    """``yes`` where ``column`` is null, else ``no``."""

    column: "Column"
    yes: float = 1.0
    no: float = 0.0


@dataclass(frozen=True, slots=True)
class Filled:
    """``column``, but ``value`` where it is null."""

    column: "Column"
    value: float


@dataclass(frozen=True, slots=True)
class Step:
    """``column`` and a constant under one operation of doubles; Round is to the nearest float32."""

    operation: Operation
    column: "Column"
    operand: float = 0.0


@dataclass(frozen=True, slots=True)
class Product:
    """Two columns multiplied."""

    left: "Column"
    right: "Column"


class Shape(Protocol):
    """A function of one number; hashable. See ``curves`` and ``pieces``.

    ``rises``: it never decreases, so trees compare what is below it. Below ``low`` it is not defined: NaN.
    ``keeps_null``: NaN stays NaN.
    """

    @property
    def rises(self) -> bool: ...  # noqa: D102 - the class's docstring says it
    @property
    def low(self) -> float: ...  # noqa: D102 - the class's docstring says it
    @property
    def keeps_null(self) -> bool: ...  # noqa: D102 - the class's docstring says it

    def values(self, values: Doubles) -> Doubles:
        """What the fitted step itself makes of many numbers."""

    def emit(self, graph: Any, column: "Column") -> str:
        """The tensor (n, 1) of the function of ``column``."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A function of one column."""

    column: "Column"
    shape: Shape


@dataclass(frozen=True, slots=True)
class Weighted:
    """The sum of columns, each times its weight."""

    columns: "tuple[Column, ...]"
    weights: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Made:
    """A column of a tensor (n, width) that the graph holds already."""

    tensor: str
    position: int
    width: int


Column = Raw | Constant | Table | Coded | Missing | Filled | Step | Product | Curve | Weighted | Made

OPERATIONS: dict[Operation, Callable[[Doubles, float], Doubles]] = {
    "Sub": np.subtract,
    "Div": np.divide,
    "Mul": np.multiply,
    "Add": np.add,
    "Max": np.maximum,
    "Min": np.minimum,
    "Round": lambda values, _: values.astype(np.float32).astype(np.float64),
}
"""The arithmetic of numpy, which is scikit-learn's; onnxruntime's operators of the same names round alike."""


def calculate(operation: Operation, values: Doubles, operand: float) -> Doubles:
    """One operation on many values, as the graph and scikit-learn do it."""
    with np.errstate(all="ignore"):
        return OPERATIONS[operation](values, operand)


def apply(operation: Operation, column: Column, operand: float = 0.0) -> Column:
    """``column`` after one more operation, folded into the values it may take where they are known."""

    def calculated(value: float) -> float:
        return float(calculate(operation, np.array([value]), operand)[0])

    return mapped(column, calculated) or Step(operation, column, operand)


def bend(column: Column, shape: Shape) -> Column:
    """``column`` after a function of one number, folded into the values it may take where they are known."""

    def calculated(value: float) -> float:
        with np.errstate(all="ignore"):
            return float(shape.values(np.array([value]))[0])

    return mapped(column, calculated) or Curve(column, shape)


def mapped(column: Column, function: Callable[[float], float]) -> Column | None:
    """``column`` after any function of one number; None where the values it may take are not known."""
    match column:
        case Constant(value):
            return Constant(function(value))
        case Table(source, nullable, values):
            return Table(source, nullable, tuple(function(number(value)) for value in values))
        case Coded(inner, keys, values, default):
            return Coded(inner, keys, tuple(function(value) for value in values), function(default))
        case Missing(inner, yes, no):
            return Missing(inner, function(yes), function(no))
    return None


def fill(column: Column, value: float) -> Column:
    """``column`` with nulls replaced, itself where it holds none."""
    return Filled(column, value) if can_be_null(column) else column


def missing(column: Column) -> Column:
    """1 where ``column`` is null, else 0."""
    return Missing(column) if can_be_null(column) else Constant(0.0)


def can_be_null(column: Column) -> bool:
    """Whether any row may hold a NaN there."""
    match column:
        case Raw(nullable=nullable):
            return nullable
        case Table(nullable=nullable, values=values):
            return any(number(value) != number(value) for value in (values if nullable else values[:-1]))
        case Constant(value):
            return value != value
        case Coded(values=values, default=default):
            return any(value != value for value in (*values, default))
        case Step(column=inner):
            return can_be_null(inner)
        case Product(left, right):
            return can_be_null(left) or can_be_null(right)
        case Curve(inner, shape):
            return shape.low > -np.inf or (shape.keeps_null and can_be_null(inner))
    return False


def number(value: Any) -> float:
    """A cell as the double a numeric step makes of it; NaN of None and pandas' NA."""
    try:
        return float(value)
    except TypeError:
        return float("nan")


def simplified(column: Column) -> Column:
    """A table of codes that stands for a simpler column is that column; others are themselves."""
    if not isinstance(column, Table):
        return column
    raw = Raw(column.source, column.nullable)
    values = tuple(number(value) for value in column.values)
    known, null = values[:-1], values[-1]
    null_fits = not column.nullable or null != null
    if known == tuple(float(code) for code in range(len(known))):
        return raw if null_fits else Filled(raw, null)
    used = values if column.nullable else known
    if len(set(used)) == 1:
        return Constant(used[0])
    for code, value in enumerate(known):
        others = {other for position, other in enumerate(used) if position != code}
        if (len(others) == 1 and value != value) or (len(others) == 1 and value not in others):
            return Coded(raw, (float(code),), (value,), others.pop())
    if column.nullable and len(set(known)) == 1:
        return Missing(raw, null, known[0])
    return Table(column.source, column.nullable, values)
