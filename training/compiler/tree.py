"""A decision tree as arrays, whatever library fitted it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.compiler.columns import Doubles

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tree:
    """Arrays over the nodes of one tree, root first. ``left`` is -1 at a leaf; a row goes left if x <= threshold.

    ``target`` and ``weight`` count at leaves only: what is added to which of the ensemble's outputs.
    """

    feature: Integers
    threshold: Doubles
    left: Integers
    right: Integers
    null_left: NDArray[np.bool_]
    target: Integers
    weight: Doubles


def stump(target: int, weight: float) -> Tree:
    """A tree that is one leaf."""
    none, zero = np.array([-1]), np.zeros(1)
    return Tree(np.array([0]), zero, none, none, np.array([False]), np.array([target]), np.array([weight]))


def grown(tree: Tree) -> Tree:
    """A tree that is one leaf gets a node both ways of which lead there: the operator knows no other."""
    if tree.left[0] >= 0:
        return tree
    return Tree(
        feature=np.array([0, 0]),
        threshold=np.zeros(2),
        left=np.array([1, -1]),
        right=np.array([1, -1]),
        null_left=np.array([False, False]),
        target=np.repeat(tree.target, 2),
        weight=np.repeat(tree.weight, 2),
    )
