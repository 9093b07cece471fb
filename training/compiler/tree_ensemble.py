"""Decision trees as arrays, fitted by any library, and as TreeEnsemble nodes of doubles."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import numpy_helper

from training.compiler.block import NotCompilable
from training.compiler.columns import Column, Curve, Doubles, apply, simplified
from training.compiler.graph import Graph
from training.compiler.matrices import matrix
from training.compiler.thresholds import beneath, fold, null_goes_left, peel

Integers = NDArray[np.int64]
MOST_NODES = 20_000_000
"""A serialised graph cannot be larger than 2 GB."""
CACHED_NODES = 32_768
"""Nodes and leaves that take about a megabyte in onnxruntime, which goes through all trees of a node row by row."""


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
    """A tree of one leaf gets a node above it: the operator needs one."""
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
    return _folded(graph, columns, trees, rounded).add(graph, slice(0, len(trees)), targets, output)


def add_votes(graph: Graph, columns: Sequence[Column], trees: Sequence[Tree], targets: int, rounded: bool) -> str:
    """``add_ensemble`` for leaves of whole numbers, whose sum is the same in any order: in cached parts."""
    ensemble = _folded(graph, columns, trees, rounded)
    sums = [ensemble.add(graph, part, targets) for part in ensemble.parts()]
    return sums[0] if len(sums) == 1 else graph.add("Sum", sums)


def add_leaves(graph: Graph, columns: Sequence[Column], trees: Sequence[Tree], rounded: bool) -> str:
    """The leaf value of each tree by itself, (n, trees) doubles; the leaves' targets do not count. In cached parts."""
    ensemble = _folded(graph, columns, trees, rounded)
    leaves = [ensemble.add(graph, part, None) for part in ensemble.parts()]
    return leaves[0] if len(leaves) == 1 else graph.add("Concat", leaves, axis=1)


@dataclass(frozen=True, slots=True)
class _Ensemble:
    """Trees whose nodes compare positions of one tensor."""

    tensor: str
    trees: list[Tree]

    def parts(self) -> list[slice]:
        """Neighbouring trees whose nodes stay in a core's cache while a batch goes through them."""
        starts, nodes = [0], 0
        for place, tree in enumerate(self.trees):
            nodes += len(tree.left)
            if nodes > CACHED_NODES and place > starts[-1]:
                starts.append(place)
                nodes = len(tree.left)
        return [slice(start, stop) for start, stop in pairwise([*starts, len(self.trees)])]

    def add(self, graph: Graph, part: slice, targets: int | None, output: str | None = None) -> str:
        """The sum over some of the trees, (n, targets); where ``targets`` is None each tree has its own, (n, trees)."""
        trees = self.trees[part]
        inner = [tree.left >= 0 for tree in trees]
        node_starts = np.cumsum([0] + [int(mask.sum()) for mask in inner])
        leaf_starts = np.cumsum([0] + [int((~mask).sum()) for mask in inner])
        children: dict[str, list[Integers]] = {"left": [], "right": []}
        for tree, mask, node_start, leaf_start in zip(trees, inner, node_starts, leaf_starts, strict=False):
            place = np.where(mask, np.cumsum(mask) - 1 + node_start, np.cumsum(~mask) - 1 + leaf_start)
            for side in children:
                child = getattr(tree, side)[mask]
                children[side] += [place[child], (~mask)[child].astype(np.int64)]

        def joined(name: str, leaves: bool) -> Any:
            return np.concatenate([getattr(tree, name)[mask ^ leaves] for tree, mask in zip(trees, inner, strict=True)])

        null_left = joined("null_left", leaves=False)
        nulls = {"nodes_missing_value_tracks_true": null_left.astype(int).tolist()} if null_left.any() else {}
        own = np.repeat(np.arange(len(trees)), np.diff(leaf_starts))
        return graph.add(
            "TreeEnsemble",
            [self.tensor],
            output,
            n_targets=len(trees) if targets is None else targets,
            aggregate_function=1,
            post_transform=0,
            tree_roots=node_starts[:-1].tolist(),
            nodes_featureids=joined("feature", leaves=False).tolist(),
            nodes_splits=numpy_helper.from_array(joined("threshold", leaves=False)),
            nodes_modes=numpy_helper.from_array(np.zeros(len(null_left), np.uint8)),  # BRANCH_LEQ
            nodes_truenodeids=np.concatenate(children["left"][::2]).tolist(),
            nodes_trueleafs=np.concatenate(children["left"][1::2]).tolist(),
            nodes_falsenodeids=np.concatenate(children["right"][::2]).tolist(),
            nodes_falseleafs=np.concatenate(children["right"][1::2]).tolist(),
            leaf_targetids=(own if targets is None else joined("target", leaves=True)).tolist(),
            leaf_weights=numpy_helper.from_array(joined("weight", leaves=True)),
            **nulls,
        )


def _folded(graph: Graph, columns: Sequence[Column], trees: Sequence[Tree], rounded: bool) -> _Ensemble:
    """The trees, comparing columns of a tensor of the graph in place of ``columns``."""
    if sum(len(tree.left) for tree in trees) > MOST_NODES:
        raise NotCompilable("ensemble", f"its trees have more than {MOST_NODES:,} nodes. Limit their depth or number.")
    trees = [grown(tree) for tree in trees]
    inner = [tree.left >= 0 for tree in trees]
    feature = np.concatenate([tree.feature[mask] for tree, mask in zip(trees, inner, strict=True)])
    threshold = np.concatenate([tree.threshold[mask] for tree, mask in zip(trees, inner, strict=True)])
    null_left = np.concatenate([tree.null_left[mask] for tree, mask in zip(trees, inner, strict=True)])
    bases = _fold_columns(graph, columns, rounded, feature, threshold, null_left)
    made = matrix(graph, [bases[index] for index in sorted(bases)])
    position = np.zeros(max(bases) + 1, dtype=np.int64)
    position[sorted(bases)] = made.positions
    ends = np.cumsum([int(mask.sum()) for mask in inner])[:-1]
    folded = []
    for tree, mask, *changed in zip(
        trees, inner, *(np.split(every, ends) for every in (position[feature], threshold, null_left)), strict=True
    ):
        whole = {name: getattr(tree, name).copy() for name in ("feature", "threshold", "null_left")}
        for name, values in zip(whole, changed, strict=True):
            whole[name][mask] = values
        folded.append(replace(tree, **whole))
    return _Ensemble(made.tensor, folded)


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
        if isinstance(peeled.base, Curve) and getattr(peeled.base.shape, "last_bits_differ", False):
            raise NotCompilable(
                "SplineTransformer", "a tree compares its values, and scikit-learn computes their last bits otherwise."
            )
        nodes = feature == index
        distinct, inverse = np.unique(threshold[nodes], return_inverse=True)
        null_left[nodes] = null_goes_left(peeled.chain, threshold[nodes], null_left[nodes])
        folded = fold(peeled.chain, distinct)
        threshold[nodes] = folded[inverse]
        bases[index] = peeled.base
        base, places = beneath(peeled.base, folded)
        graph.splits.append((base, places[np.isfinite(places)]))
    return bases
