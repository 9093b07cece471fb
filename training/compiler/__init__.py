"""Compile a fitted scikit-learn Pipeline to one ONNX graph with the same answers.

``compile_pipeline`` walks the steps. Every column is an expression over the matrix of codes (``columns``), carried
beside the steps' own results on a few probe rows (``block``); each class of step has a handler (``handlers``).
The last step makes nodes of the columns it reads (``matrices``, ``graph``), trees with their scaling folded into the
thresholds (``thresholds``, ``tree_ensemble``).
"""

from importlib import import_module
from typing import Any

from inference.column_form import Forms
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
    "curved_steps",
    "decomposition",
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
    "splines",
    "stacking",
)
"""Modules that register handlers when they are imported."""

for family in FAMILIES:
    import_module(f"training.compiler.{family}")


def compile_pipeline(pipeline: Any, contract: Contract, dtypes: Forms) -> bytes:
    """The fitted pipeline as a serialised ONNX model; see ``inference.engines.onnx`` for its interface.

    Args:
        pipeline: a fitted Pipeline, or an estimator alone, over a DataFrame with the contract's columns.
        contract: its input.
        dtypes: the form, or the pandas dtype, of each column it was fitted on.

    Raises:
        NotCompilable: a step is not known or cannot be compiled exactly; the message names the step and the reason.
    """
    return build_graph(pipeline, contract, dtypes).serialise()


def build_graph(pipeline: Any, contract: Contract, dtypes: Forms) -> Graph:
    """The graph before it is serialised; its ``splits`` are the thresholds of its trees.

    Raises:
        NotCompilable: see ``compile_pipeline``.
    """
    block = entry(contract, dtypes)
    graph = Graph(len(contract.features))
    answer(pipeline, block, graph)
    return graph
