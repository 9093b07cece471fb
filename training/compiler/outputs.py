"""From the scores of an estimator to the graph's outputs: labels, probabilities, values."""

from typing import Literal

import numpy as np
from onnx import TensorProto

from training.compiler.graph import Graph


def regression(graph: Graph, values: str) -> None:
    """(n, 1) to ``value``."""
    graph.output("value", ("Squeeze", [values, graph.constant([1], np.int64)]))


def complement(graph: Graph, second: str) -> list[str]:
    """The inputs of a Gemm that makes [1 - p, p] of p (n, 1), rounded as 1 - p is."""
    return [second, graph.constant([[-1.0, 1.0]]), graph.constant([1.0, 0.0])]


def binary(graph: Graph, scores: str, tie: Literal["Greater", "GreaterOrEqual"], sharpness: float | None = 1.0) -> None:
    """Scores (n, 1): the second class where they exceed 0, or reach it; its probability is expit(sharpness x score).

    The label is an output of its own: a score may be too near to 0 for its probability to differ from a half.
    ``sharpness`` None: the estimator has no probabilities.
    """
    graph.expose("scores", scores)
    reached = graph.add(tie, [graph.gather(scores, 0), graph.constant(0.0)])
    if sharpness is not None:
        exponent = scores if sharpness == 1.0 else graph.add("Mul", [scores, graph.constant(sharpness)])
        graph.output("probabilities", ("Gemm", complement(graph, graph.add("Sigmoid", [exponent]))))
    graph.output("label", ("Cast", [reached]), to=TensorProto.INT64)


def multiclass(graph: Graph, scores: str, probabilities: bool = True) -> None:
    """Scores (n, classes): the first greatest; probabilities by softmax."""
    graph.expose("scores", scores)
    if probabilities:
        graph.output("probabilities", ("Softmax", [scores]), axis=1)
    graph.output("label", ("ArgMax", [scores]), axis=1, keepdims=0)
