"""Stacking: the members' answers are the columns of the last estimator."""

from typing import Any

import numpy as np
from sklearn.ensemble import StackingClassifier, StackingRegressor

from training.compiler.block import Block, NotCompilable
from training.compiler.columns import Column, Made
from training.compiler.graph import Graph
from training.compiler.handlers import answer, estimator, part, transformed


@estimator(StackingClassifier, StackingRegressor)
def stacked(step: Any, block: Block, graph: Graph) -> None:
    """Of two classes the second's probability alone; then the columns themselves, where they are passed through."""
    classes = getattr(step, "classes_", None)
    if classes is not None and len(step.final_estimator_.classes_) != len(classes):
        raise NotCompilable(step, "its last estimator has not seen every class.")
    members = [each for each in step.estimators_ if not isinstance(each, str)]
    methods = [method for method in step.stack_method_ if method is not None]
    columns: list[Column] = []
    for member, method in zip(members, methods, strict=True):
        columns += _answers(step, member, method, block, graph)
    if step.passthrough:
        columns += block.columns
    made = transformed(step, block.data)
    if made.shape[1] != len(columns):
        raise NotCompilable(step, f"it makes {made.shape[1]} columns where {len(columns)} were expected.")
    answer(step.final_estimator_, Block(columns, made, block.probe), graph)


def _answers(step: Any, member: Any, method: str, block: Block, graph: Graph) -> list[Column]:
    """The columns that one member adds."""
    found = part(member, block, graph)
    if method == "predict" and "value" in found:
        return [Made(graph.add("Unsqueeze", [found["value"], graph.constant([1], np.int64)]), 0, 1)]
    names = {"predict_proba": "probabilities", "decision_function": "scores"}
    if method not in names or names[method] not in found:
        raise NotCompilable(step, f"stack_method={method!r} of {type(member).__name__} is not compiled.")
    tensor, width = found[names[method]], len(member.classes_)
    if method == "predict_proba":
        return [Made(tensor, place, width) for place in range(1 if width == 2 else 0, width)]
    return [Made(tensor, place, 1 if width == 2 else width) for place in range(1 if width == 2 else width)]
