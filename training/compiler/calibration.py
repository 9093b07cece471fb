"""Classifiers around another one: its scores calibrated to probabilities, or its threshold moved."""

from typing import Any

import numpy as np
from onnx import TensorProto
from sklearn.calibration import CalibratedClassifierCV, _SigmoidCalibration
from sklearn.isotonic import IsotonicRegression
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV

from training.compiler.block import Block, NotCompilable
from training.compiler.graph import Graph
from training.compiler.handlers import estimator, part
from training.compiler.meta_estimators import added
from training.compiler.outputs import complement


@estimator(CalibratedClassifierCV)
def calibrated(step: CalibratedClassifierCV, block: Block, graph: Graph) -> None:
    """The mean over the folds of what their calibrators make of their classifiers' scores."""
    folds = [_fold(step, each, block, graph) for each in step.calibrated_classifiers_]
    graph.output("probabilities", ("Div", [added(graph, folds), graph.constant(float(len(folds)))]))


@estimator(FixedThresholdClassifier, TunedThresholdClassifierCV)
def threshold(step: Any, block: Block, graph: Graph) -> None:
    """The second class where its probability, or score, reaches the threshold."""
    tuned = isinstance(step, TunedThresholdClassifierCV)
    positive = step._curve_scorer._get_pos_label() if tuned else step.pos_label
    if positive is not None and positive != step.classes_[1]:
        raise NotCompilable(step, "pos_label other than the second class is not compiled.")
    found = part(step.estimator_, block, graph)
    likely = step.response_method in ("auto", "predict_proba") and "probabilities" in found
    limit = step.best_threshold_ if tuned else step.threshold
    if limit == "auto":
        limit = 0.5 if likely else 0.0
    score = graph.gather(found["probabilities"], 1) if likely else graph.gather(_scores(step, found), 0)
    reached = graph.add("GreaterOrEqual", [score, graph.constant(float(limit))])
    if "probabilities" in found:
        graph.output("probabilities", ("Identity", [found["probabilities"]]))
    graph.output("label", ("Cast", [reached]), to=TensorProto.INT64)


def _fold(step: CalibratedClassifierCV, fold: Any, block: Block, graph: Graph) -> str:
    """(n, classes) probabilities of one of the calibrated classifiers."""
    if fold.method not in ("sigmoid", "isotonic"):
        raise NotCompilable(step, f"method={fold.method!r} is not compiled.")
    if len(fold.estimator.classes_) != len(step.classes_):
        raise NotCompilable(step, "one of its members has not seen every class.")
    found = part(fold.estimator, block, graph)
    if hasattr(fold.estimator, "decision_function"):
        scores = _scores(step, found)
    else:
        scores = found["probabilities"]
        scores = graph.gather(scores, [1]) if len(step.classes_) == 2 else scores
    made = [
        _calibrated(calibrator, graph.gather(scores, [place]), graph)
        for place, calibrator in enumerate(fold.calibrators)
    ]
    if len(step.classes_) == 2:
        return graph.add("Gemm", complement(graph, made[0]))
    apart = graph.add("Concat", made, axis=1)
    total = graph.add("ReduceSum", [apart, graph.constant([1], np.int64)], keepdims=1)
    none = graph.add("Equal", [total, graph.constant(0.0)])
    return graph.add("Where", [none, graph.constant(1 / len(step.classes_)), graph.add("Div", [apart, total])])


def _calibrated(calibrator: Any, scores: str, graph: Graph) -> str:
    """(n, 1) of one class's scores (n, 1)."""
    if type(calibrator) is _SigmoidCalibration:
        line = graph.add("Mul", [scores, graph.constant(float(calibrator.a_))])
        return graph.add(
            "Sigmoid", [graph.add("Neg", [graph.add("Add", [line, graph.constant(float(calibrator.b_))])])]
        )
    if type(calibrator) is not IsotonicRegression or calibrator.out_of_bounds != "clip":
        raise NotCompilable(calibrator, "this calibrator is not compiled.")
    return _interpolated(calibrator, scores, graph)


def _interpolated(calibrator: IsotonicRegression, scores: str, graph: Graph) -> str:
    """Linear between the two thresholds around a score."""
    x, y = calibrator.X_thresholds_.astype(np.float64), calibrator.y_thresholds_.astype(np.float64)
    if len(x) == 1:
        x, y = np.array([x[0], x[0] + 1.0]), np.repeat(y, 2)
    ends = graph.constant(float(calibrator.X_min_)), graph.constant(float(calibrator.X_max_))
    inside = graph.add("Min", [graph.add("Max", [scores, ends[0]]), ends[1]])
    beyond = graph.cast(graph.add("Less", [graph.constant(x), inside]), TensorProto.INT64)
    count = graph.add("ReduceSum", [beyond, graph.constant([1], np.int64)], keepdims=1)
    low, high = graph.constant(1, np.int64), graph.constant(len(x) - 1, np.int64)
    place = graph.add("Sub", [graph.add("Min", [graph.add("Max", [count, low]), high]), low])
    start, slope, base = (
        graph.add("Gather", [graph.constant(values), place], axis=0)
        for values in (x[:-1], np.diff(y) / np.diff(x), y[:-1])
    )
    away = graph.add("Sub", [inside, start])
    return graph.add("Add", [graph.add("Mul", [slope, away]), base])


def _scores(step: Any, found: dict[str, str]) -> str:
    """(n, 1) of two classes, else (n, classes): what scikit-learn calls its decision function."""
    if "scores" not in found:
        raise NotCompilable(step, "the scores of its inner classifier are not compiled.")
    return found["scores"]
