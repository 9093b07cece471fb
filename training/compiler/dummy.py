"""The baselines that every model must beat: constant answers."""

import numpy as np
from sklearn.dummy import DummyClassifier, DummyRegressor

from training.compiler.block import Block, NotCompilable
from training.compiler.columns import Constant
from training.compiler.graph import Graph
from training.compiler.handlers import estimator
from training.compiler.matrices import ordered
from training.compiler.outputs import regression


@estimator(DummyRegressor)
def regressor(step: DummyRegressor, block: Block, graph: Graph) -> None:
    """The same number for every row."""
    if np.size(step.constant_) != 1:
        raise NotCompilable(step, "it predicts more than one target.")
    regression(graph, ordered(graph, [Constant(float(np.ravel(step.constant_)[0]))]))


@estimator(DummyClassifier)
def classifier(step: DummyClassifier, block: Block, graph: Graph) -> None:
    """The same probabilities for every row; the first greatest is the label, as scikit-learn has it."""
    if step.strategy not in ("prior", "most_frequent", "constant"):
        raise NotCompilable(step, f"strategy={step.strategy!r} answers at random.")
    shares = step.predict_proba(np.zeros((1, 1)))[0]
    graph.output("probabilities", ("Identity", [ordered(graph, [Constant(float(share)) for share in shares])]))
