"""Scaling folded into the thresholds of trees.

``f(x) <= t``, f a chain of rounded operations each of which never decreases, is the same test as ``x <= u`` with u the
largest double for which f(u) <= t: found by bisection over the doubles. So neither scaler, imputer nor the cast to
float32 needs a node, and no rounding is left to differ in.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.compiler.columns import Column, Constant, Curve, Doubles, Filled, Missing, Raw, Step, calculate
from training.compiler.curves import Defined

SIGN = np.int64(np.iinfo(np.int64).max)


@dataclass(frozen=True, slots=True)
class Peeled:
    """``base``: what a node compares; ``chain``: what scikit-learn does to it first, innermost first."""

    base: Column
    chain: Sequence[Column]


def peel(column: Column) -> Peeled:
    """Take the monotone operations off a column."""
    chain: list[Column] = []
    while True:
        match column:
            case Constant():
                return Peeled(Raw(0, False), [column, *reversed(chain)])
            case Missing(inner) | Filled(inner):
                chain.append(column)
                column = inner
            case Step(operation, inner, operand) if operation not in ("Mul", "Div") or operand > 0:
                chain.append(column)
                column = inner
            case Curve(inner, shape) if shape.rises:
                chain.append(column)
                if shape.low > -np.inf:
                    return Peeled(Curve(inner, Defined(shape.low)), chain[::-1])
                column = inner
            case _:
                return Peeled(column, chain[::-1])


def follow(chain: Sequence[Column], values: Doubles) -> Doubles:
    """What scikit-learn compares, of what the node is given."""
    for column in chain:
        match column:
            case Constant(value):
                values = np.full(len(values), value)
            case Missing(_, yes, no):
                values = np.where(np.isnan(values), yes, no)
            case Filled(_, value):
                values = np.where(np.isnan(values), value, values)
            case Step(operation, _, operand):
                values = calculate(operation, values, operand)
            case Curve(_, shape):
                with np.errstate(all="ignore"):
                    values = shape.values(np.maximum(values, shape.low))
    return values


def fold(chain: Sequence[Column], thresholds: Doubles) -> Doubles:
    """For each t the largest double u with f(u) <= t: infinite where every, or no, number is."""
    if not chain:
        return thresholds
    low = np.full(len(thresholds), _key(np.array([-np.finfo(np.float64).max]))[0])
    high = np.full(len(thresholds), _key(np.array([np.finfo(np.float64).max]))[0])
    none = ~(follow(chain, _double(low)) <= thresholds)
    every = follow(chain, _double(high)) <= thresholds
    while (low < high - 1).any():
        middle = (low >> 1) + (high >> 1) + (low & high & 1)
        below = follow(chain, _double(middle)) <= thresholds
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.where(none, -np.inf, np.where(every, np.inf, _double(low)))


def beneath(base: Column, thresholds: Doubles) -> tuple[Column, Doubles]:
    """Where a base that is not defined everywhere turns, in terms of the number below it: for the gate's rows."""
    if not isinstance(base, Curve) or not isinstance(base.shape, Defined):
        return base, thresholds
    floor = base.shape.floor
    peeled = peel(base.column)
    return beneath(peeled.base, fold(peeled.chain, np.append(thresholds[thresholds >= floor], floor)))


def null_goes_left(chain: Sequence[Column], thresholds: Doubles, own: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where each node sends a null: as the chain fills it in, or by the tree's ``own`` rule where it stays null."""
    value = follow(chain, np.array([np.nan]))[0]
    return own if value != value else value <= thresholds


def _key(values: Doubles) -> NDArray[np.int64]:
    """Integers in the order of the doubles."""
    bits = np.ascontiguousarray(values).view(np.int64)
    return np.where(bits < 0, bits ^ SIGN, bits)


def _double(keys: NDArray[np.int64]) -> Doubles:
    return np.where(keys < 0, keys ^ SIGN, keys).view(np.float64)
