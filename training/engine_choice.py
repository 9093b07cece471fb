"""The engine of a model: the compiled graph if it passes the parity gate, else scikit-learn."""

import time
import warnings
from dataclasses import dataclass, replace
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
from training.parity import Parity
from training.parity.random_rows import random_rows

PROBES = 500


@dataclass(frozen=True, slots=True)
class Choice:
    """``engine`` is "onnx" with its ``graph``, or "sklearn" with the ``reason``. ``parity``: None without a graph."""

    contract: Contract
    engine: str
    graph: bytes | None
    reason: str
    parity: Parity | None = None


def choose_engine(pipeline: Any, dataset: Dataset, rows: int, seed: int) -> Choice:
    """Find the largest numbers the pipeline can take, compile it, and compare on ``rows`` random valid rows.

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
    if not found.passed:
        reason = f"its graph did not answer as it does ({found.reason})."
        return Choice(contract, "sklearn", None, reason, found)
    return Choice(contract, "onnx", graph, "", found)


def _check_answers(pipeline: Any, dataset: Dataset, seed: int) -> None:
    """The pipeline must answer every row that the contract accepts: else a valid request would get a 500."""
    engine = SklearnEngine(pipeline, dataset.contract, dataset.dtypes, dataset.classes)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # sums of huge numbers
            engine.predict(random_rows(dataset.contract, PROBES, np.random.default_rng(seed)))
    except Exception as exc:  # a pipeline may raise anything
        message = " ".join(str(exc).split())[:200]
        raise TrainingError(
            f"the pipeline fails on rows that its contract allows: {message}. If a column was declared nullable or "
            "given further choices with --contract, the pipeline must have seen such values."
        ) from None


def one_row_ms(pipeline: Any, dataset: Dataset, tries: int = 5) -> float:
    """Milliseconds that the pipeline itself takes for one row: the least of ``tries`` measurements."""
    engine = SklearnEngine(pipeline, dataset.contract, dataset.dtypes, dataset.classes)
    least = float("inf")
    for _ in range(tries):
        started = time.perf_counter()
        engine.predict(dataset.matrix[:1])
        least = min(least, time.perf_counter() - started)
    return least * 1000
