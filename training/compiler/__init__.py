"""A fitted scikit-learn Pipeline, compiled to one ONNX graph that answers exactly as it does.

``compile_pipeline`` walks the steps. Every column is an expression over the matrix of codes (``columns``), carried
beside the steps' own results on a few probe rows (``block``); families of steps are registered by class
(``registry``); the last step makes nodes of what it reads (``matrices``, ``graph``), trees with their scaling folded
into the thresholds (``thresholds``, ``ensemble``).
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from inference.contract import Contract
from training.compiler.block import NotCompilable, entry
from training.compiler.graph import Graph
from training.compiler.handlers import answer

__all__ = ["FAMILIES", "NotCompilable", "build_graph", "compile_pipeline"]

FAMILIES = (
    "adaboost",
    "bayes",
    "boosting",
    "calibration",
    "compose",
    "dummy",
    "encoders",
    "feature_steps",
    "forests",
    "histogram",
    "imputers",
    "linear",
    "meta_estimators",
    "network",
    "scalers",
)
"""Modules that register steps when they are imported."""

for family in FAMILIES:
    import_module(f"training.compiler.{family}")


def compile_pipeline(pipeline: Any, contract: Contract, dtypes: Mapping[str, str]) -> bytes:
    """The fitted pipeline as a serialised ONNX model; see ``inference.engines.onnx`` for its interface.

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
    graph = Graph(len(contract.features))
    answer(pipeline, block, graph)
    return graph
