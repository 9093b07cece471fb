"""Multi-layer perceptrons: one matrix product a layer."""

from typing import Any

import numpy as np
from onnx import TensorProto
from sklearn.neural_network import MLPClassifier, MLPRegressor

from training.compiler.block import Block, NotCompilable
from training.compiler.graph import Graph
from training.compiler.handlers import estimator
from training.compiler.matrices import ordered
from training.compiler.outputs import complement, regression

ACTIVATIONS = {"relu": "Relu", "tanh": "Tanh", "logistic": "Sigmoid", "identity": "Identity", "exp": "Exp"}


@estimator(MLPRegressor)
def regressor(step: MLPRegressor, block: Block, graph: Graph) -> None:
    """The last layer's one output."""
    if step.n_outputs_ != 1:
        raise NotCompilable(step, "it predicts more than one target.")
    regression(graph, _activated(step, graph, step.out_activation_, _scores(step, block, graph)))


@estimator(MLPClassifier)
def classifier(step: MLPClassifier, block: Block, graph: Graph) -> None:
    """Expit of one output, of which more than a half is the second class; or softmax of one for each class."""
    scores = _scores(step, block, graph)
    if step.out_activation_ == "softmax":
        graph.output("probabilities", ("Softmax", [scores]), axis=1)
        return
    if step.n_outputs_ != 1 or len(step.classes_) != 2:
        raise NotCompilable(step, "it predicts more than one target.")
    second = graph.add("Sigmoid", [scores])
    reached = graph.add("Greater", [graph.gather(second, 0), graph.constant(0.5)])
    graph.output("probabilities", ("Gemm", complement(graph, second)))
    graph.output("label", ("Cast", [reached]), to=TensorProto.INT64)


def _scores(step: Any, block: Block, graph: Graph) -> str:
    """What the last layer adds up to, (n, outputs)."""
    block.doubles(step)
    if any(weights.dtype != np.float64 for weights in step.coefs_):
        raise NotCompilable(step, "its arithmetic is done in float32. Fit on float64 columns.")
    flow = ordered(graph, block.columns)
    for layer, (weights, offset) in enumerate(zip(step.coefs_, step.intercepts_, strict=True)):
        if layer:
            flow = _activated(step, graph, step.activation, flow)
        flow = graph.add("Gemm", [flow, graph.constant(weights), graph.constant(offset)])
    return flow


def _activated(step: Any, graph: Graph, activation: str, scores: str) -> str:
    if activation not in ACTIVATIONS:
        raise NotCompilable(step, f"activation {activation!r} is not compiled.")
    return graph.add(ACTIVATIONS[activation], [scores])
