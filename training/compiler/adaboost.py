"""AdaBoost: a weighted vote, or the weighted median, of the members."""

from typing import Any

import numpy as np
from onnx import TensorProto
from sklearn.ensemble import AdaBoostClassifier, AdaBoostRegressor

from training.compiler.block import Block, NotCompilable
from training.compiler.columns import Doubles
from training.compiler.forests import tree_of
from training.compiler.graph import Graph
from training.compiler.handlers import estimator, part
from training.compiler.meta_estimators import TREES, label
from training.compiler.outputs import binary
from training.compiler.tree_ensemble import add_ensemble


@estimator(AdaBoostClassifier)
def classifier(step: AdaBoostClassifier, block: Block, graph: Graph) -> None:
    """Each member adds its weight to the class it predicts and subtracts a share of it from the others."""
    classes, members = len(step.classes_), len(step.estimators_)
    if classes < 2 or any(len(each.classes_) != classes for each in step.estimators_):
        raise NotCompilable(step, "one of its members has not seen every class.")
    weights = step.estimator_weights_[:members].reshape(-1, 1)
    places = graph.add("Unsqueeze", [_labels(step, block, graph), graph.constant([2], np.int64)])  # (n, members, 1)
    own = graph.add("Equal", [places, graph.constant([[range(classes)]], np.int64)])
    votes = graph.add("Where", [own, graph.constant(weights), graph.constant(-1 / (classes - 1) * weights)])
    running = graph.add("CumSum", [votes, graph.constant(1, np.int64)])
    total = graph.constant(float(step.estimator_weights_.sum()))
    scores = graph.add("Div", [graph.gather(running, members - 1), total])
    graph.expose("scores", scores)
    if classes == 2:
        second = graph.add("Sub", [graph.gather(scores, [1]), graph.gather(scores, [0])])
        binary(graph, second, "Greater")
        return
    graph.output("probabilities", ("Softmax", [graph.add("Div", [scores, graph.constant(float(classes - 1))])]), axis=1)
    graph.output("label", ("ArgMax", [scores]), axis=1, keepdims=0)


@estimator(AdaBoostRegressor)
def regressor(step: AdaBoostRegressor, block: Block, graph: Graph) -> None:
    """The first of the sorted answers at which half of the weight is reached."""
    members = len(step.estimators_)
    values = _side_by_side(step, block, graph, "value", [each.tree_.value[:, 0, 0] for each in _trees(step)])
    name = graph.add("TopK", [values, graph.constant([members], np.int64)], axis=1, largest=0, sorted=1)
    graph.nodes[-1].output.append(f"{name}_places")
    weights = graph.add("Gather", [graph.constant(step.estimator_weights_[:members]), f"{name}_places"], axis=0)
    running = graph.add("CumSum", [weights, graph.constant(1, np.int64)])
    half = graph.add("Mul", [graph.gather(running, [members - 1]), graph.constant(0.5)])
    reached = graph.cast(graph.add("GreaterOrEqual", [running, half]), TensorProto.INT64)
    first = graph.add("ArgMax", [reached], axis=1, keepdims=1)
    chosen = graph.add("GatherElements", [name, first], axis=1)
    graph.output("value", ("Squeeze", [chosen, graph.constant([1], np.int64)]))


def _labels(step: Any, block: Block, graph: Graph) -> str:
    """(n, members) integers."""
    trees = [each.tree_.value[:, 0, :].argmax(axis=1).astype(np.float64) for each in _trees(step)]
    return graph.cast(_side_by_side(step, block, graph, "label", trees), TensorProto.INT64)


def _side_by_side(step: Any, block: Block, graph: Graph, name: str, leaves: list[Doubles]) -> str:
    """(n, members): of trees by one node, with the value of the leaf that a row reaches; ``leaves``: values by node."""
    if leaves:
        fitted = [each.tree_ for each in step.estimators_]
        trees = [
            tree_of(tree, values, np.full(len(values), place))
            for place, (tree, values) in enumerate(zip(fitted, leaves, strict=True))
        ]
        return add_ensemble(graph, block.columns, trees, len(trees), rounded=True)
    found = [part(each, block, graph) for each in step.estimators_]
    members = [each["value"] if name == "value" else label(graph, each) for each in found]
    columns = [graph.add("Unsqueeze", [each, graph.constant([1], np.int64)]) for each in members]
    return graph.add("Concat", columns, axis=1)


def _trees(step: Any) -> list[Any]:
    """The members if all of them are trees, else none."""
    return list(step.estimators_) if all(type(each) in TREES for each in step.estimators_) else []
