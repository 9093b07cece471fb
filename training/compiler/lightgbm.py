"""LightGBM's scikit-learn estimators; imported only when one is met."""

from collections.abc import Mapping
from typing import Any

import lightgbm
import numpy as np
import pandas as pd

from training.compiler.block import UNSEEN, Block, NotCompilable
from training.compiler.columns import Column, Table, mapped, number
from training.compiler.graph import Graph
from training.compiler.handlers import estimator
from training.compiler.outputs import complement, regression
from training.compiler.tree_ensemble import Tree, add_ensemble

PLAIN = ("regression", "regression_l1", "huber", "fair", "quantile", "mape")
LOGARITHMIC = ("poisson", "gamma", "tweedie")


@estimator(lightgbm.LGBMRegressor)
def regressor(step: Any, block: Block, graph: Graph) -> None:
    """The raw score, or its exponential."""
    name, *options = _objective(step)
    if name not in PLAIN + LOGARITHMIC or "sqrt" in options:
        raise NotCompilable(step, f"objective {' '.join([name, *options])!r} is not compiled.")
    scores = _scores(step, block, graph)
    regression(graph, graph.add("Exp", [scores]) if name in LOGARITHMIC else scores)


@estimator(lightgbm.LGBMClassifier)
def classifier(step: Any, block: Block, graph: Graph) -> None:
    """Expit or softmax of the raw scores; the first greatest probability decides, so the graph has no label."""
    name, *options = _objective(step)
    if name == "multiclass":
        graph.output("probabilities", ("Softmax", [_scores(step, block, graph)]), axis=1)
    elif name == "binary":
        sharpness = next((float(each.split(":")[1]) for each in options if each.startswith("sigmoid:")), 1.0)
        exponent = graph.add("Mul", [_scores(step, block, graph), graph.constant(sharpness)])
        graph.output("probabilities", ("Gemm", complement(graph, graph.add("Sigmoid", [exponent]))))
    else:
        raise NotCompilable(step, f"objective {name!r} is not compiled.")


def _objective(step: Any) -> list[str]:
    objective = step.booster_.dump_model().get("objective", "custom")
    return str(objective).split()


def _scores(step: Any, block: Block, graph: Graph) -> str:
    """Each tree added in turn, as doubles; the mean of the target is in the first tree's leaves."""
    model = step.booster_.dump_model()
    if model.get("average_output"):
        raise NotCompilable(step, "boosting_type='rf' is not compiled.")
    columns = _coded(step, block)
    classes = model["num_tree_per_iteration"]
    trees = [
        _Reader(step, columns, place % classes).tree(info["tree_structure"])
        for place, info in enumerate(model["tree_info"])
    ]
    return add_ensemble(graph, columns, trees, classes, rounded=False)


def _coded(step: Any, block: Block) -> list[Column]:
    """Columns of pandas' category type as the codes they had at the fit."""
    columns = list(block.columns)
    if not isinstance(block.data, pd.DataFrame):
        return columns
    known = iter(step.booster_.pandas_categorical or [])
    for index, dtype in enumerate(block.data.dtypes):
        if isinstance(dtype, pd.CategoricalDtype):
            codes = {value: float(code) for code, value in enumerate(next(known))}
            column = columns[index]
            if not isinstance(column, Table):
                raise NotCompilable(step, "a category must be a category of the contract.")
            if UNSEEN in column.values and not set(codes) <= set(column.values):
                raise NotCompilable(
                    step, "it knows categories that the contract, which takes unseen ones, does not list."
                )
            values = tuple(codes.get(value, np.nan) for value in column.values)
            columns[index] = Table(column.source, column.nullable, values)
    return columns


class _Reader:
    """One tree of the dump as arrays. For each test on a set of categories, a column with the side is appended."""

    def __init__(self, step: Any, columns: list[Column], target: int) -> None:
        self._step, self._columns, self._target = step, columns, target
        self._nodes: list[tuple[int, float, int, int, bool, float]] = []

    def tree(self, structure: Mapping[str, Any]) -> Tree:
        """All nodes, root first."""
        waiting: list[tuple[Mapping[str, Any], int, int]] = [(structure, -1, 0)]
        while waiting:
            node, parent, side = waiting.pop()
            if parent >= 0:
                above = list(self._nodes[parent])
                above[2 + side] = len(self._nodes)
                self._nodes[parent] = tuple(above)  # type: ignore[assignment]  # the same six, one replaced
            self._nodes.append(self._node(node))
            if "left_child" in node:
                place = len(self._nodes) - 1
                waiting += [(node["right_child"], place, 1), (node["left_child"], place, 0)]
        feature, threshold, left, right, null_left, weight = (
            np.array(column) for column in zip(*self._nodes, strict=True)
        )
        target = np.full(len(feature), self._target)
        return Tree(feature, threshold.astype(np.float64), left, right, null_left, target, weight)

    def _node(self, node: Mapping[str, Any]) -> tuple[int, float, int, int, bool, float]:
        if "left_child" not in node:
            if "leaf_coeff" in node:
                raise NotCompilable(self._step, "linear_tree is not compiled.")
            return 0, 0.0, -1, -1, False, float(node["leaf_value"])
        if node["decision_type"] == "==":
            return self._side(node["split_feature"], str(node["threshold"])), 0.5, -1, -1, False, 0.0
        if node["missing_type"] == "Zero":
            raise NotCompilable(self._step, "zero_as_missing is not compiled.")
        threshold = float(node["threshold"])  # of nulls not seen at the fit, LightGBM makes 0
        null_left = bool(node["default_left"]) if node["missing_type"] == "NaN" else threshold >= 0.0
        return node["split_feature"], threshold, -1, -1, null_left, 0.0

    def _side(self, feature: int, listed: str) -> int:
        """0 for the categories that go left; 1 for others, unknown and null."""
        left = {int(category) for category in listed.split("||")}
        column = mapped(self._columns[feature], lambda value: 0.0 if number(value) >= 0 and int(value) in left else 1.0)
        if column is None:
            raise NotCompilable(self._step, "a native category must be a category, a boolean or an encoded number.")
        self._columns.append(column)
        return len(self._columns) - 1
