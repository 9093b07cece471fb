"""A fitted scikit-learn Pipeline, compiled to one ONNX graph that answers exactly as it does.

``compile_pipeline`` walks the steps. Every column is an expression over the matrix of codes (``columns``), carried
beside the steps' own results on a few probe rows (``block``); families of steps are registered by class
(``registry``); the last step makes nodes of what it reads (``matrices``, ``graph``), trees with their scaling folded
into the thresholds (``thresholds``, ``ensemble``).
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline

from service.inference.contract import Contract
from training.compiler import (
    boosting,
    compose,
    dummy,
    encoders,
    histogram,
    imputers,
    linear,
    polynomial,
    scalers,
    selection,
    trees,
)
from training.compiler.block import entry
from training.compiler.errors import NotCompilable
from training.compiler.graph import Graph
from training.compiler.registry import ESTIMATORS, walk

__all__ = ["FAMILIES", "NotCompilable", "build_graph", "compile_pipeline"]

FAMILIES = (boosting, compose, dummy, encoders, histogram, imputers, linear, polynomial, scalers, selection, trees)
"""Imported to be registered."""
OPTIONAL = ("lightgbm", "xgboost")
"""Libraries whose estimators have a module of their own, which is imported when one is met."""


def compile_pipeline(pipeline: Any, contract: Contract, dtypes: Mapping[str, str]) -> bytes:
    """The fitted pipeline as a serialised ONNX model; see ``service.inference.engines.onnx`` for its interface.

    Args:
        pipeline: a fitted Pipeline, or an estimator alone, over a DataFrame with the contract's columns.
        contract: its input.
        dtypes: the pandas dtype of each column it was fitted on.

    Raises:
        NotCompilable: a step is not known or cannot be compiled exactly; the message names it and says why.
    """
    return build_graph(pipeline, contract, dtypes).serialise()


def build_graph(pipeline: Any, contract: Contract, dtypes: Mapping[str, str]) -> Graph:
    """The graph before it is serialised, with what its trees compare."""
    block = entry(contract, dtypes)
    while isinstance(pipeline, Pipeline | BaseSearchCV):
        if isinstance(pipeline, BaseSearchCV):
            pipeline = getattr(pipeline, "best_estimator_", None)
            continue
        for _, step in pipeline.steps[:-1]:
            block = walk(step, block)
        pipeline = pipeline.steps[-1][1]
    library = type(pipeline).__module__.split(".")[0]
    if library in OPTIONAL:
        import_module(f"training.compiler.{library}")
    estimator = ESTIMATORS.get(type(pipeline))
    if estimator is None:
        raise NotCompilable(pipeline, "this estimator is not among those that the compiler knows.")
    graph = Graph(len(contract.features))
    estimator(pipeline, block, graph)
    return graph
