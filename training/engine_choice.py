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
from inference.features import Matrix
from training import parity
from training.compiler import NotCompilable, compile_pipeline
from training.dataset import Dataset
from training.errors import TrainingError
from training.fitting import Fitted
from training.parity import Parity, tolerance_of
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


def choose_engine(fitted: Fitted, rows: int, seed: int) -> Choice:
    """Find how far numbers may go, compile the pipeline, and compare on ``rows`` random rows and the measured ones.

    Raises:
        TrainingError: the pipeline itself fails on rows that its contract allows.
    """
    pipeline, dataset, dtypes = fitted.pipeline, fitted.seen, fitted.seen.dtypes
    contract = parity.with_limits(pipeline, dataset.contract, dtypes)
    _check_answers(pipeline, replace(dataset, contract=contract), seed)
    try:
        graph = compile_pipeline(pipeline, contract, dtypes)
        engine = OnnxEngine(graph, dataset.classes)
    except (NotCompilable, EngineError) as exc:
        return Choice(contract, "sklearn", None, f"{str(exc).rstrip('.')}.")
    except Exception as exc:  # the pipeline itself serves whatever the compiler does not foresee
        return Choice(contract, "sklearn", None, f"the compiler fails on it ({type(exc).__name__}).")
    with tqdm(total=rows, desc="comparing", unit="row", leave=False, disable=None) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        found = parity.check(pipeline, engine, contract, dtypes, rows, seed, progress)
    if not found.passed:
        reason = f"its graph did not answer as it does ({found.reason})."
        return Choice(contract, "sklearn", None, reason, found)
    if parity.differing(engine.predict(fitted.holdout.matrix), fitted.answers, tolerance_of(pipeline, dtypes)).any():
        reason = f"its graph did not answer rows of {dataset.source} as it does."
        return Choice(contract, "sklearn", None, reason, replace(found, passed=False, reason=reason))
    return Choice(contract, "onnx", graph, "", found)


def _check_answers(pipeline: Any, dataset: Dataset, seed: int) -> None:
    """The pipeline must answer every row that the contract accepts: else a valid request would get a 500."""
    engine = SklearnEngine(pipeline, dataset.contract, dataset.dtypes, dataset.classes)
    rows = random_rows(dataset.contract, PROBES, np.random.default_rng(seed))
    exc = _error(engine, rows)
    if exc is None:
        return
    message, failing = " ".join(str(exc).split())[:200], _failing_columns(engine, dataset, rows)
    where = f" (column {', '.join(map(repr, failing))})" if failing else ""
    raise TrainingError(
        f"the pipeline fails on rows that its contract allows{where}: {message}. If a column was declared nullable or "
        "given further choices with --contract, declare only what the pipeline has seen."
    )


def _error(engine: SklearnEngine, rows: Matrix) -> Exception | None:
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # sums of huge numbers
            engine.predict(rows)
    except Exception as exc:  # a pipeline may raise anything
        return exc
    return None


def _failing_columns(engine: SklearnEngine, dataset: Dataset, rows: Matrix) -> list[str]:
    """The columns whose values alone make the pipeline fail, the others as in the data."""
    base = dataset.matrix[np.resize(np.arange(len(dataset)), len(rows))]
    found = []
    for place, feature in enumerate(dataset.contract.features):
        if feature.is_open:  # the codes of its strings are of these rows alone
            continue
        changed = base.copy()
        changed[:, place] = rows[:, place]
        if _error(engine, changed) is not None:
            found.append(feature.name)
    return found


def one_row_ms(pipeline: Any, dataset: Dataset, tries: int = 5) -> float:
    """Milliseconds that the pipeline itself takes for one row: the least of ``tries`` measurements."""
    engine = SklearnEngine(pipeline, dataset.contract, dataset.dtypes, dataset.classes)
    least = float("inf")
    for _ in range(tries):
        started = time.perf_counter()
        engine.predict(dataset.matrix[:1])
        least = min(least, time.perf_counter() - started)
    return least * 1000
