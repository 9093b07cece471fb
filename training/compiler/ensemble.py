"""Trees as one TreeEnsemble node of doubles."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import numpy_helper

from training.compiler.columns import Column, Doubles, apply, simplified
from training.compiler.errors import NotCompilable
from training.compiler.graph import Graph
from training.compiler.matrices import matrix
from training.compiler.thresholds import fold, null_goes_left, peel

Integers = NDArray[np.int64]
MOST_NODES = 20_000_000
"""A serialised graph cannot be larger than 2 GB."""


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


def add_ensemble(
    graph: Graph,
    columns: Sequence[Column],
    trees: Sequence[Tree],
    targets: int,
    rounded: bool,
    output: str | None = None,
) -> str:
    """The sum over the trees, in their order, for each target: (n, targets) doubles.

    ``rounded``: the trees compare float32 of the columns, as those of sklearn.tree do.
    """
    if sum(len(tree.left) for tree in trees) > MOST_NODES:
        raise NotCompilable("ensemble", f"its trees have more than {MOST_NODES:,} nodes. Limit their depth or number.")
    trees = [_grown(tree) for tree in trees]
    inner = [tree.left >= 0 for tree in trees]
    node_starts = np.cumsum([0] + [int(mask.sum()) for mask in inner])
    leaf_starts = np.cumsum([0] + [int((~mask).sum()) for mask in inner])
    children: dict[str, list[Integers]] = {"left": [], "right": []}
    for tree, mask, node_start, leaf_start in zip(trees, inner, node_starts, leaf_starts, strict=False):
        place = np.where(mask, np.cumsum(mask) - 1 + node_start, np.cumsum(~mask) - 1 + leaf_start)
        for side in children:
            child = getattr(tree, side)[mask]
            children[side] += [place[child], (~mask)[child].astype(np.int64)]
    feature = np.concatenate([tree.feature[mask] for tree, mask in zip(trees, inner, strict=True)])
    threshold = np.concatenate([tree.threshold[mask] for tree, mask in zip(trees, inner, strict=True)])
    null_left = np.concatenate([tree.null_left[mask] for tree, mask in zip(trees, inner, strict=True)])
    bases = _fold_columns(graph, columns, rounded, feature, threshold, null_left)
    made = matrix(graph, [bases[index] for index in sorted(bases)])
    position = np.zeros(max(bases) + 1, dtype=np.int64)
    position[sorted(bases)] = made.positions
    modes = np.zeros(len(feature), np.uint8)  # BRANCH_LEQ
    nulls = {"nodes_missing_value_tracks_true": null_left.astype(int).tolist()} if null_left.any() else {}
    return graph.add(
        "TreeEnsemble",
        [made.tensor],
        output,
        n_targets=targets,
        aggregate_function=1,
        post_transform=0,
        tree_roots=node_starts[:-1].tolist(),
        nodes_featureids=position[feature].tolist(),
        nodes_splits=numpy_helper.from_array(threshold),
        nodes_modes=numpy_helper.from_array(modes),
        nodes_truenodeids=np.concatenate(children["left"][::2]).tolist(),
        nodes_trueleafs=np.concatenate(children["left"][1::2]).tolist(),
        nodes_falsenodeids=np.concatenate(children["right"][::2]).tolist(),
        nodes_falseleafs=np.concatenate(children["right"][1::2]).tolist(),
        leaf_targetids=np.concatenate([tree.target[~mask] for tree, mask in zip(trees, inner, strict=True)]).tolist(),
        leaf_weights=numpy_helper.from_array(
            np.concatenate([tree.weight[~mask] for tree, mask in zip(trees, inner, strict=True)])
        ),
        **nulls,
    )


def _fold_columns(
    graph: Graph,
    columns: Sequence[Column],
    rounded: bool,
    feature: Integers,
    threshold: Doubles,
    null_left: NDArray[np.bool_],
) -> dict[int, Column]:
    """What nodes compare in place of each used column; ``threshold`` and ``null_left`` are changed to fit, in place."""
    bases = {}
    for index in np.unique(feature).tolist():
        column = simplified(columns[index])
        peeled = peel(apply("Round", column) if rounded else column)
        nodes = feature == index
        distinct, inverse = np.unique(threshold[nodes], return_inverse=True)
        null_left[nodes] = null_goes_left(peeled.chain, threshold[nodes], null_left[nodes])
        folded = fold(peeled.chain, distinct)
        threshold[nodes] = folded[inverse]
        bases[index] = peeled.base
        graph.splits.append((peeled.base, folded[np.isfinite(folded)]))
    return bases


def _grown(tree: Tree) -> Tree:
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
