"""The fastest engine that answers exactly as the pipeline: the compiled graph if it passes the parity gate."""

import time
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from tqdm import tqdm

from inference.contract import Contract
from inference.engines.base import EngineError
from inference.engines.onnx import OnnxEngine
from inference.engines.sklearn import SklearnEngine
from training import parity
from training.compiler import NotCompilable, compile_pipeline
from training.dataset import Dataset
from training.errors import TrainingError
from training.parity.random_rows import random_rows

PROBES = 500


@dataclass(frozen=True, slots=True)
class Choice:
    """``engine`` is "onnx" with its ``graph``, or "sklearn" with the ``reason``. ``parity`` is what the gate found."""

    contract: Contract
    engine: str
    graph: bytes | None
    reason: str
    parity: Mapping[str, Any] = field(default_factory=dict)


def choose_engine(pipeline: Any, dataset: Dataset, rows: int, seed: int) -> Choice:
    """Probe the pipeline's arithmetic, compile it, and hold the graph to its answers on ``rows`` random valid rows.

    Raises:
        TrainingError: the pipeline itself fails on rows that its contract allows.
    """
    dtypes = dataset.dtypes
    contract = replace(dataset.contract, magnitude=parity.magnitude(pipeline, dataset.contract, dtypes))
    _check_answers(pipeline, replace(dataset, contract=contract), seed)
    try:
        graph = compile_pipeline(pipeline, contract, dtypes)
        engine = OnnxEngine(graph, dataset.classes)
    except (NotCompilable, EngineError) as exc:
        return Choice(contract, "sklearn", None, f"{str(exc).rstrip('.')}.")
    with tqdm(total=rows, desc="comparing", unit="row", leave=False, disable=None) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        found = parity.check(pipeline, engine, contract, dtypes, rows, seed, progress)
    facts = asdict(found)
    if not found.passed:
        reason = f"its graph did not answer as it does ({found.reason})."
        return Choice(contract, "sklearn", None, reason, facts)
    return Choice(contract, "onnx", graph, "", facts)


def _check_answers(pipeline: Any, dataset: Dataset, seed: int) -> None:
    """Whatever the contract lets in, the pipeline must answer: a null it cannot take would be a server's fault."""
    engine = SklearnEngine(pipeline, dataset.contract, dataset.dtypes, dataset.classes)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # sums of huge numbers
            engine.predict(random_rows(dataset.contract, PROBES, np.random.default_rng(seed)))
    except Exception as exc:  # a pipeline may raise anything
        told = " ".join(str(exc).split())[:200]
        raise TrainingError(
            f"the pipeline fails on rows that its contract allows: {told}. If a column was declared nullable or given "
            "further choices with --contract, the pipeline must have seen such values."
        ) from None


def one_row_ms(pipeline: Any, dataset: Dataset, tries: int = 5) -> float:
    """The least of a few times that the pipeline itself took for one row, in milliseconds."""
    engine = SklearnEngine(pipeline, dataset.contract, dataset.dtypes, dataset.classes)
    least = float("inf")
    for _ in range(tries):
        started = time.perf_counter()
        engine.predict(dataset.matrix[:1])
        least = min(least, time.perf_counter() - started)
    return least * 1000
