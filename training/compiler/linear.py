"""Linear models: one matrix product."""

from typing import Any

import numpy as np
from sklearn import linear_model, svm
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from training.compiler.block import Block, NotCompilable
from training.compiler.graph import Graph
from training.compiler.handlers import estimator
from training.compiler.matrices import matrix, ordered
from training.compiler.outputs import binary, multiclass, regression


@estimator(
    linear_model.LinearRegression,
    linear_model.Ridge,
    linear_model.RidgeCV,
    linear_model.Lasso,
    linear_model.LassoCV,
    linear_model.ElasticNet,
    linear_model.ElasticNetCV,
    linear_model.BayesianRidge,
    linear_model.HuberRegressor,
    linear_model.ARDRegression,
    linear_model.Lars,
    linear_model.LarsCV,
    linear_model.LassoLars,
    linear_model.LassoLarsCV,
    linear_model.LassoLarsIC,
    linear_model.OrthogonalMatchingPursuit,
    linear_model.OrthogonalMatchingPursuitCV,
    linear_model.QuantileRegressor,
    linear_model.SGDRegressor,
    linear_model.TheilSenRegressor,
    svm.LinearSVR,
)
def regressor(step: Any, block: Block, graph: Graph) -> None:
    """X @ coef + intercept."""
    regression(graph, _scores(step, block, graph))


@estimator(linear_model.PoissonRegressor, linear_model.GammaRegressor, linear_model.TweedieRegressor)
def generalised(step: Any, block: Block, graph: Graph) -> None:
    """The same, or its exponential where the link is the logarithm."""
    scores, link = _scores(step, block, graph), type(step._base_loss.link).__name__
    if link not in ("IdentityLink", "LogLink"):
        raise NotCompilable(step, f"{link} is not compiled.")
    regression(graph, graph.add("Exp", [scores]) if link == "LogLink" else scores)


@estimator(linear_model.LogisticRegression, linear_model.LogisticRegressionCV, LinearDiscriminantAnalysis)
def logistic(step: Any, block: Block, graph: Graph) -> None:
    """Expit of two classes' score, softmax of more."""
    scores = _scores(step, block, graph)
    if len(step.classes_) > 2:
        multiclass(graph, scores)
    else:
        binary(graph, scores, "Greater")


@estimator(linear_model.SGDClassifier)
def stochastic(step: Any, block: Block, graph: Graph) -> None:
    """By the loss: expit of each class's score, in shares of their sum; or a label only."""
    if step.loss == "modified_huber":
        raise NotCompilable(step, "loss='modified_huber' is not compiled.")
    if step.loss != "log_loss":
        undecided(step, block, graph)
        return
    scores = _scores(step, block, graph)
    if len(step.classes_) == 2:
        binary(graph, scores, "Greater")
        return
    apart = graph.add("Sigmoid", [scores])
    total = graph.add("ReduceSum", [apart, graph.constant([1], np.int64)], keepdims=1)
    none = graph.add("Equal", [total, graph.constant(0.0)])
    shares = graph.add("Div", [apart, total])
    graph.output("probabilities", ("Where", [none, graph.constant(1 / len(step.classes_)), shares]))
    multiclass(graph, scores, probabilities=False)


@estimator(
    linear_model.Perceptron,
    linear_model.RidgeClassifier,
    linear_model.RidgeClassifierCV,
    svm.LinearSVC,
)
def undecided(step: Any, block: Block, graph: Graph) -> None:
    """A label without probabilities."""
    scores = _scores(step, block, graph)
    if len(step.classes_) > 2:
        multiclass(graph, scores, probabilities=False)
    else:
        binary(graph, scores, "Greater", sharpness=None)


def _scores(step: Any, block: Block, graph: Graph) -> str:
    block.doubles(step)
    weights = np.atleast_2d(np.asarray(step.coef_))
    offset = np.broadcast_to(np.asarray(step.intercept_, dtype=np.float64).ravel(), len(weights))
    classes = getattr(step, "classes_", None)
    if len(weights) != (1 if classes is None or len(classes) == 2 else len(classes)):
        raise NotCompilable(step, "it predicts more than one target.")
    if weights.dtype != np.float64:
        raise NotCompilable(step, "its arithmetic is done in float32. Fit on float64 columns.")
    made = matrix(graph, block.columns)
    if sorted(made.positions) == list(range(made.width)):
        tensor, weights = made.tensor, weights[:, np.argsort(made.positions)]
    else:
        tensor = ordered(graph, block.columns)
    return graph.add("Gemm", [tensor, graph.constant(weights.T), graph.constant(offset)])
