"""Histogram gradient boosting: doubles compared as they are, nulls with a direction of their own, native categories."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from training.compiler.block import Block, NotCompilable
from training.compiler.columns import Column, mapped
from training.compiler.graph import Graph
from training.compiler.handlers import estimator, walk
from training.compiler.outputs import binary, multiclass, regression
from training.compiler.tree_ensemble import Tree, add_ensemble, stump

Bits = NDArray[np.uint32]
"""Eight words: the set of the codes 0 to 255 whose bit is on."""


@estimator(HistGradientBoostingRegressor)
def regressor(step: HistGradientBoostingRegressor, block: Block, graph: Graph) -> None:
    """The raw score, or its exponential where the loss has a log link."""
    scores = _scores(step, block, graph)
    logarithmic = step.loss in ("poisson", "gamma")
    regression(graph, graph.add("Exp", [scores]) if logarithmic else scores)


@estimator(HistGradientBoostingClassifier)
def classifier(step: HistGradientBoostingClassifier, block: Block, graph: Graph) -> None:
    """Expit or softmax of the raw scores; a score of 0 is the first class."""
    scores = _scores(step, block, graph)
    if step.n_trees_per_iteration_ > 1:
        multiclass(graph, scores)
    else:
        binary(graph, scores, "Greater")


def _scores(step: Any, block: Block, graph: Graph) -> str:
    """The baseline, then each tree, in the order they are added in."""
    if step._preprocessor is not None:
        block = walk(step._preprocessor, block)
    categories = _Categories(step, block)
    trees = [stump(target, float(score)) for target, score in enumerate(step._baseline_prediction.ravel())]
    for stage in step._predictors:
        trees += [_tree(predictor, target, categories) for target, predictor in enumerate(stage)]
    return add_ensemble(graph, categories.columns, trees, step.n_trees_per_iteration_, rounded=False)


def _tree(predictor: Any, target: int, categories: "_Categories") -> Tree:
    nodes = predictor.nodes
    leaf = nodes["is_leaf"].astype(bool)
    feature = nodes["feature_idx"].astype(np.int64)
    threshold = nodes["num_threshold"].astype(np.float64)  # +inf: all numbers but null
    null_left = nodes["missing_go_to_left"].astype(bool)
    for node in np.flatnonzero(nodes["is_categorical"].astype(bool) & ~leaf).tolist():
        bits = predictor.raw_left_cat_bitsets[nodes["bitset_idx"][node]]
        feature[node] = categories.side(int(feature[node]), bits, bool(null_left[node]))
        threshold[node] = 0.5
    return Tree(
        feature=np.where(leaf, 0, feature),
        threshold=threshold,
        left=np.where(leaf, -1, nodes["left"].astype(np.int64)),
        right=np.where(leaf, -1, nodes["right"].astype(np.int64)),
        null_left=null_left,
        target=np.full(len(nodes), target),
        weight=nodes["value"].astype(np.float64),
    )


class _Categories:
    """The block's columns, and after them one for each set of categories that a node tests: 0 is left, 1 is right."""

    def __init__(self, step: Any, block: Block) -> None:
        self.columns = list(block.columns)
        self._step = step
        self._known, self._place = step._bin_mapper.make_known_categories_bitsets()
        self._made: dict[tuple[int, bytes, bool], int] = {}

    def side(self, feature: int, left: Bits, null_left: bool) -> int:
        """The index of the column that holds the side of each value of ``feature``: 0 left, 1 right."""
        key = (feature, left.tobytes(), null_left)
        if key not in self._made:
            known = self._known[self._place[feature]]
            column: Column | None = mapped(self.columns[feature], _side(left, known, null_left))
            if column is None:
                raise NotCompilable(self._step, "a native category must be a category, a boolean or an encoded number.")
            self._made[key] = len(self.columns)
            self.columns.append(column)
        return self._made[key]


def _side(left: Bits, known: Bits, null_left: bool) -> Callable[[float], float]:
    def side(value: float) -> float:
        if not 0 <= value < 256 or not (_holds(left, value) or _holds(known, value)):
            return 0.0 if null_left else 1.0  # null and unknown go the same way
        return 0.0 if _holds(left, value) else 1.0

    return side


def _holds(bits: Bits, value: float) -> bool:
    return bool(int(bits[int(value) // 32]) >> int(value) % 32 & 1)
