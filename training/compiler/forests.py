"""Decision trees, random forests and extra trees."""

from typing import Any

import numpy as np
from onnx import TensorProto
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

from training.compiler.block import Block, NotCompilable
from training.compiler.columns import Doubles
from training.compiler.graph import Graph
from training.compiler.handlers import estimator
from training.compiler.outputs import regression
from training.compiler.tree_ensemble import Integers, Tree, add_ensemble, add_leaves, add_votes


@estimator(DecisionTreeRegressor, ExtraTreeRegressor, RandomForestRegressor, ExtraTreesRegressor)
def regressor(step: Any, block: Block, graph: Graph) -> None:
    """The sum of the trees' values in double precision, divided by their number."""
    trees = [tree_of(each, each.value[:, 0, 0]) for each in _trees(step)]
    total = add_ensemble(graph, block.columns, trees, 1, rounded=True)
    if len(trees) > 1:
        total = graph.add("Div", [total, graph.constant(float(len(trees)))])
    regression(graph, total)


@estimator(DecisionTreeClassifier, ExtraTreeClassifier, RandomForestClassifier, ExtraTreesClassifier)
def classifier(step: Any, block: Block, graph: Graph) -> None:
    """The sum of the trees' class shares, in their order and undivided, divided by their number at the end.

    The first most probable class is scikit-learn's answer, so the graph has no label output.
    """
    trees = _trees(step)
    if len(step.classes_) < 2:
        raise NotCompilable(step, "it was fitted on one class only.")
    shares = [each.value[:, 0, : len(step.classes_)] for each in trees]
    pure = all(
        np.isin(share[each.children_left < 0], (0.0, 1.0)).all() for each, share in zip(trees, shares, strict=True)
    )
    total = _votes(graph, block, trees, shares) if pure else _sums(graph, block, trees, shares)
    graph.output("probabilities", ("Div", [total, graph.constant(float(len(trees)))]))


def tree_of(fitted: Any, weight: Doubles, target: Integers | None = None) -> Tree:
    """A fitted ``tree_`` with what its leaves add."""
    nodes = fitted.__getstate__()["nodes"]
    return Tree(
        feature=np.maximum(fitted.feature, 0).astype(np.int64),
        threshold=fitted.threshold.astype(np.float64),
        left=fitted.children_left.astype(np.int64),
        right=fitted.children_right.astype(np.int64),
        null_left=nodes["missing_go_to_left"].astype(bool),
        target=np.zeros(len(nodes), dtype=np.int64) if target is None else target,
        weight=np.asarray(weight, dtype=np.float64),
    )


def _votes(graph: Graph, block: Block, trees: list[Any], shares: list[Doubles]) -> str:
    """Leaves of one class each: whole votes, which add up exactly; of two classes one is counted."""
    classes = shares[0].shape[1]
    if classes > 2:
        counted = [
            tree_of(each, np.ones(len(share)), share.argmax(axis=1)) for each, share in zip(trees, shares, strict=True)
        ]
        return add_votes(graph, block.columns, counted, classes, rounded=True)
    counted = [tree_of(each, share[:, 1]) for each, share in zip(trees, shares, strict=True)]
    second = add_votes(graph, block.columns, counted, 1, rounded=True)
    return graph.add("Gemm", [second, graph.constant([[-1.0, 1.0]]), graph.constant([float(len(trees)), 0.0])])


def _sums(graph: Graph, block: Block, trees: list[Any], shares: list[Doubles]) -> str:
    """Each tree yields the number of its leaf; the shares of these are looked up and added as doubles, tree by tree."""
    numbered, rows = [], 0
    for each, share in zip(trees, shares, strict=True):
        numbered.append(tree_of(each, np.arange(rows, rows + len(share), dtype=np.float64)))
        rows += len(share)
    leaves = add_leaves(graph, block.columns, numbered, rounded=True)
    places = graph.cast(leaves, TensorProto.INT64)
    found = graph.add("Gather", [graph.constant(np.concatenate(shares)), places], axis=0)  # (n, trees, classes)
    running = graph.add("CumSum", [found, graph.constant(1, np.int64)])  # ReduceSum would add in another order
    return graph.gather(running, len(trees) - 1)


def _trees(step: Any) -> list[Any]:
    if getattr(step, "n_outputs_", 1) != 1:
        raise NotCompilable(step, "it predicts more than one target.")
    return [each.tree_ for each in getattr(step, "estimators_", [step])]
