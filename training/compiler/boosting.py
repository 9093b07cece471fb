"""Gradient boosting on trees of sklearn.tree."""

from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

from training.compiler.block import Block, NotCompilable
from training.compiler.forests import tree_of
from training.compiler.graph import Graph
from training.compiler.handlers import estimator
from training.compiler.outputs import binary, multiclass, regression
from training.compiler.tree_ensemble import add_ensemble, stump


@estimator(GradientBoostingRegressor)
def regressor(step: GradientBoostingRegressor, block: Block, graph: Graph) -> None:
    """The raw score is the answer, for every loss."""
    regression(graph, _scores(step, block, graph))


@estimator(GradientBoostingClassifier)
def classifier(step: GradientBoostingClassifier, block: Block, graph: Graph) -> None:
    """Expit or softmax of the raw scores; a score of 0 is the second class."""
    scores = _scores(step, block, graph)
    if step.n_classes_ > 2:
        multiclass(graph, scores)
    else:
        binary(graph, scores, "GreaterOrEqual", 2.0 if step.loss == "exponential" else 1.0)


def _scores(step: Any, block: Block, graph: Graph) -> str:
    """The initial score, as a tree of one leaf; then each stage's learning_rate x value, added in that order."""
    if not isinstance(step.init_, (DummyClassifier, DummyRegressor, str)):
        raise NotCompilable(step, f"init={type(step.init_).__name__} is not compiled.")
    start = step._raw_predict_init(np.zeros((1, step.n_features_in_), dtype=np.float32))[0]
    trees = [stump(target, float(score)) for target, score in enumerate(start)]
    for stage in step.estimators_:
        for target, each in enumerate(stage):
            leaf = each.tree_
            targets = np.full(leaf.node_count, target)
            trees.append(tree_of(leaf, step.learning_rate * leaf.value[:, 0, 0], targets))
    return add_ensemble(graph, block.columns, trees, len(start), rounded=True)
