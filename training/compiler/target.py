"""Regressions of a transformed target: the answer is transformed back."""

from typing import Any

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import RANSACRegressor
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

from training.compiler.block import Block
from training.compiler.errors import NotCompilable
from training.compiler.graph import Graph
from training.compiler.registry import answer, estimator, part


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
