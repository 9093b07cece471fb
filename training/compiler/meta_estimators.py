"""Meta-estimators: votes and means of estimators of any compiled family, and regressions of a transformed target."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import TensorProto
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import BaggingClassifier, BaggingRegressor, VotingClassifier, VotingRegressor
from sklearn.linear_model import RANSACRegressor
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

from training.compiler.block import Block, NotCompilable, cells
from training.compiler.forests import classifier as forest_classifier
from training.compiler.forests import regressor as forest_regressor
from training.compiler.graph import Graph
from training.compiler.handlers import answer, estimator, part
from training.compiler.outputs import multiclass

TREES = (DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor)


@estimator(VotingClassifier)
def voting(step: VotingClassifier, block: Block, graph: Graph) -> None:
    """The mean of the members' probabilities; or a vote on their labels, where of tied classes the first wins."""
    _check_classes(step)
    found = [part(each, block, graph) for each in step.estimators_]
    weights = step._weights_not_none
    if step.voting == "soft":
        total = added(graph, [each["probabilities"] for each in found], weights)
        share = graph.constant(float(len(found) if weights is None else np.sum(weights)))
        graph.output("probabilities", ("Div", [total, share]))
        return
    votes = [one_hot(graph, each, len(step.classes_)) for each in found]
    multiclass(graph, added(graph, votes, weights), probabilities=False)


@estimator(VotingRegressor)
def mean(step: VotingRegressor, block: Block, graph: Graph) -> None:
    """The weighted mean."""
    weights = step._weights_not_none
    total = added(graph, [part(each, block, graph)["value"] for each in step.estimators_], weights)
    share = float(len(step.estimators_) if weights is None else np.sum(weights))
    graph.output("value", ("Div", [total, graph.constant(share)]))


@estimator(BaggingClassifier)
def bagged(step: BaggingClassifier, block: Block, graph: Graph) -> None:
    """The mean of the members' probabilities, or of their votes where they have none."""
    _check_classes(step)
    if _is_forest(step, block):
        forest_classifier(step, block, graph)
        return
    found = [part(each, inner, graph) for each, inner in _members(step, block)]
    shares = [each.get("probabilities") or one_hot(graph, each, len(step.classes_)) for each in found]
    graph.output("probabilities", ("Div", [added(graph, shares), graph.constant(float(len(found)))]))


@estimator(BaggingRegressor)
def bagged_regressor(step: BaggingRegressor, block: Block, graph: Graph) -> None:
    """The mean."""
    if _is_forest(step, block):
        forest_regressor(step, block, graph)
        return
    found = [part(each, inner, graph)["value"] for each, inner in _members(step, block)]
    graph.output("value", ("Div", [added(graph, found), graph.constant(float(len(found)))]))


@estimator(TransformedTargetRegressor)
def transformed_target(step: TransformedTargetRegressor, block: Block, graph: Graph) -> None:
    """The inner regression, then the inverse."""
    value = part(step.regressor_, block, graph)["value"]
    inverse = step.transformer_
    if type(inverse) is FunctionTransformer:
        graph.output("value", _function(inverse, graph, value))
    elif type(inverse) is StandardScaler:
        scaled = _scaled(graph, "Mul", value, inverse.scale_ if inverse.with_std else None)
        graph.output(
            "value", ("Identity", [_scaled(graph, "Add", scaled, inverse.mean_ if inverse.with_mean else None)])
        )
    elif type(inverse) is MinMaxScaler:
        moved = _scaled(graph, "Sub", value, inverse.min_)
        graph.output("value", ("Identity", [_scaled(graph, "Div", moved, inverse.scale_)]))
    else:
        raise NotCompilable(step, f"transformer={type(inverse).__name__} is not compiled.")


@estimator(RANSACRegressor)
def consensus(step: RANSACRegressor, block: Block, graph: Graph) -> None:
    """Its inner regression."""
    answer(step.estimator_, block, graph)


def label(graph: Graph, found: dict[str, str]) -> str:
    """A member's label (n,), as a place among the classes."""
    return found.get("label") or graph.add("ArgMax", [found["probabilities"]], axis=1, keepdims=0)


def one_hot(graph: Graph, found: dict[str, str], classes: int) -> str:
    """A member's label as (n, classes) doubles, one of which is 1."""
    places = graph.add("Unsqueeze", [label(graph, found), graph.constant([1], np.int64)])
    equal = graph.add("Equal", [places, graph.constant([range(classes)], np.int64)])
    return graph.cast(equal, TensorProto.DOUBLE)


def added(graph: Graph, tensors: Sequence[str], weights: Sequence[float] | None = None) -> str:
    """Their sum, one after the other, as scikit-learn adds them."""
    if weights is not None:
        tensors = [
            graph.add("Mul", [each, graph.constant(float(weight))])
            for each, weight in zip(tensors, weights, strict=True)
        ]
    total = tensors[0]
    for each in tensors[1:]:
        total = graph.add("Add", [total, each])
    return total


def _check_classes(step: Any) -> None:
    if any(len(getattr(each, "classes_", ())) != len(step.classes_) for each in step.estimators_):
        raise NotCompilable(step, "one of its members has not seen every class.")


def _is_forest(step: Any, block: Block) -> bool:
    """Whether its members are trees that see every column as it is."""
    every = list(range(len(block.columns)))
    return all(type(each) in TREES for each in step.estimators_) and all(
        list(chosen) == every for chosen in step.estimators_features_
    )


def _members(step: Any, block: Block) -> list[tuple[Any, Block]]:
    """Each member with the columns that it sees."""
    array = cells(block.data)
    return [
        (each, Block([block.columns[place] for place in chosen], array[:, chosen], block.probe))
        for each, chosen in zip(step.estimators_, step.estimators_features_, strict=True)
    ]


def _function(inverse: FunctionTransformer, graph: Graph, value: str) -> tuple[str, list[str]]:
    """The operator of a function of numpy, and its inputs."""
    function = inverse.inverse_func
    if function is None:
        return "Identity", [value]
    if inverse.inv_kw_args:
        raise NotCompilable(inverse, "inv_kw_args are not compiled.")
    if function is np.expm1:
        return "Sub", [graph.add("Exp", [value]), graph.constant(1.0)]
    if function is np.square:
        return "Mul", [value, value]
    if function in (np.exp, np.sqrt):
        return {np.exp: "Exp", np.sqrt: "Sqrt"}[function], [value]
    raise NotCompilable(inverse, "of inverse functions only numpy's exp, expm1, square and sqrt are compiled.")


def _scaled(graph: Graph, operator: str, value: str, operand: Any) -> str:
    return value if operand is None else graph.add(operator, [value, graph.constant(float(operand[0]))])
