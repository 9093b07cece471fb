"""XGBoost's scikit-learn estimators; imported only when one is met.

XGBoost compares float32 and adds float32, so each tree yields the number of its leaf, and the leaves' values are
added as float32 one after the other. Its expit and softmax are in float32 too: probabilities agree to about 1e-7.
"""

import json
from typing import Any

import numpy as np
import xgboost
from onnx import TensorProto

from training.compiler.block import Block, NotCompilable
from training.compiler.graph import Graph
from training.compiler.handlers import estimator
from training.compiler.outputs import complement, multiclass, regression
from training.compiler.tree_ensemble import Tree, add_ensemble

PLAIN = ("reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror", "reg:squaredlogerror")
LOGARITHMIC = ("count:poisson", "reg:gamma", "reg:tweedie")


@estimator(xgboost.XGBRegressor)
def regressor(step: Any, block: Block, graph: Graph) -> None:
    """The margin, or its exponential."""
    learner = _learner(step, PLAIN + LOGARITHMIC)
    scores = _scores(step, learner, block, graph)
    regression(graph, graph.add("Exp", [scores]) if learner["objective"]["name"] in LOGARITHMIC else scores)


@estimator(xgboost.XGBClassifier)
def classifier(step: Any, block: Block, graph: Graph) -> None:
    """Expit or softmax of the margins; of two classes the second where its float32 probability exceeds a half."""
    learner = _learner(step, ("binary:logistic", "multi:softprob"))
    scores = _scores(step, learner, block, graph)
    if len(step.classes_) > 2:
        multiclass(graph, scores)
        return
    second = graph.add("Sigmoid", [scores])
    single = graph.cast(graph.gather(second, 0), TensorProto.FLOAT)
    reached = graph.add("Greater", [single, graph.constant(0.5, np.float32)])
    graph.output("probabilities", ("Gemm", complement(graph, second)))
    graph.output("label", ("Cast", [reached]), to=TensorProto.INT64)


def _learner(step: Any, objectives: tuple[str, ...]) -> dict[str, Any]:
    learner: dict[str, Any] = json.loads(bytes(step.get_booster().save_raw("json")))["learner"]
    booster, objective = learner["gradient_booster"]["name"], learner["objective"]["name"]
    if booster != "gbtree":
        raise NotCompilable(step, f"booster={booster!r} is not compiled.")
    if objective not in objectives:
        raise NotCompilable(step, f"objective={objective!r} is not compiled.")
    if step.missing is not None and step.missing == step.missing:
        raise NotCompilable(step, f"missing={step.missing!r} is not compiled; only null is.")
    return learner


def _scores(step: Any, learner: dict[str, Any], block: Block, graph: Graph) -> str:
    """(n, classes) doubles: the start, then each tree of the class, added as float32."""
    model = learner["gradient_booster"]["model"]
    last = step.best_iteration + 1 if step.early_stopping_rounds is not None else len(model["iteration_indptr"]) - 1
    count = int(model["iteration_indptr"][last])
    targets = np.array(model["tree_info"][:count])
    starts = _starts(learner)
    per_class, taken = count // len(starts), np.zeros(len(starts), dtype=np.int64)
    trees, leaves, rows = [], [], 0
    for tree, target in zip(model["trees"][:count], targets.tolist(), strict=True):
        values = np.array(tree["split_conditions"], dtype=np.float32)
        place = target * per_class + int(taken[target])
        trees.append(_tree(step, tree, np.arange(rows, rows + len(values)), place))
        leaves.append(values if taken[target] else starts[target] + values)
        taken[target] += 1
        rows += len(values)
    numbers = add_ensemble(graph, block.columns, trees, count, rounded=True)
    places = graph.cast(numbers, TensorProto.INT64)
    found = graph.add("Gather", [graph.constant(np.concatenate(leaves), np.float32), places], axis=0)
    shape = graph.constant([-1, len(starts), per_class], np.int64)
    running = graph.add("CumSum", [graph.add("Reshape", [found, shape]), graph.constant(2, np.int64)])
    return graph.cast(graph.gather(running, per_class - 1, axis=2), TensorProto.DOUBLE)


def _starts(learner: dict[str, Any]) -> Any:
    """The margin of each class before any tree, float32."""
    parameters = learner["learner_model_param"]
    given = np.array(json.loads(parameters["base_score"]), dtype=np.float32).ravel()
    starts = np.resize(given, max(int(parameters["num_class"]), 1))
    if learner["objective"]["name"] == "binary:logistic":
        return -np.log(np.float32(1) / starts - np.float32(1))
    return np.log(starts) if learner["objective"]["name"] in LOGARITHMIC else starts


def _tree(step: Any, tree: dict[str, Any], numbers: Any, place: int) -> Tree:
    if any(tree["split_type"]):
        raise NotCompilable(step, "native categories are not compiled: encode them.")
    left = np.array(tree["left_children"], dtype=np.int64)
    below = np.nextafter(np.array(tree["split_conditions"], dtype=np.float32), np.float32(-np.inf))  # x < t of float32
    return Tree(
        feature=np.array(tree["split_indices"], dtype=np.int64),
        threshold=below.astype(np.float64),
        left=left,
        right=np.array(tree["right_children"], dtype=np.int64),
        null_left=np.array(tree["default_left"], dtype=bool),
        target=np.full(len(left), place),
        weight=numbers.astype(np.float64),
    )
