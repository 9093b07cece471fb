"""The parity gate: an engine is served only if it answers each row as the fitted pipeline does.

Both get random valid rows, and rows on either side of every threshold of the pipeline's trees. To pass, every label is
the same, and probabilities are within ``tolerance_of`` the pipeline: 1e-9, or 1e-6 where the model itself computes in
single precision. So are numbers of a regression, times max(1, |y|).
"""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.column_form import Forms, dtype_of_form
from inference.contract import Contract
from inference.engines.base import Answers, Engine
from inference.engines.sklearn import SklearnEngine
from inference.features import Matrix
from inference.golden import TOLERANCE
from training.parity.limits import with_limits
from training.parity.random_rows import random_rows
from training.parity.threshold_rows import ThresholdRows

__all__ = ["Parity", "check", "compare", "differing", "tolerance_of", "with_limits"]

ROWS = 100_000
MOST_THRESHOLD_ROWS = 3
"""Threshold rows for each random row."""
CHUNK = 10_000
TIGHT = 1e-9
SINGLE_PRECISION = ("xgboost", "catboost")
"""Libraries whose models compute in float32."""
Progress = Callable[[int, int], None]
"""Called with the rows done and the rows in all."""


@dataclass(frozen=True, slots=True)
class Parity:
    """The result of the gate.

    ``rows`` were compared, ``threshold_rows`` of them at thresholds; ``flips`` labels differed. ``largest_difference``:
    of a probability, or of a number relative to max(1, |y|). ``reason``: why it did not pass, else empty.
    """

    rows: int
    flips: int
    largest_difference: float
    threshold_rows: int
    passed: bool
    reason: str = ""


def check(
    pipeline: Any,
    engine: Engine,
    contract: Contract,
    forms: Forms,
    rows: int = ROWS,
    seed: int = 0,
    progress: Progress | None = None,
) -> Parity:
    """Compare ``engine`` with the fitted ``pipeline`` on ``rows`` random rows and on those at thresholds.

    ``forms``: how each column reaches the pipeline. ``progress`` is called after each chunk of rows. If the pipeline
    itself fails on a row, the engine does not pass.
    """
    draw = np.random.default_rng(seed)
    placed = ThresholdRows(pipeline, contract, forms, draw, MOST_THRESHOLD_ROWS * rows)
    reference = SklearnEngine(pipeline, contract, forms, tuple(getattr(pipeline, "classes_", ())))
    total, done, flips, largest = rows + len(placed), 0, 0, 0.0
    for chunk in _chunks(contract, draw, rows, placed):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                expected = reference.predict(chunk)
        except Exception as exc:
            reason = f"the pipeline itself fails on rows that its contract allows: {str(exc).splitlines()[0]}"
            return Parity(done, flips, largest, len(placed), False, reason)
        changed, apart = compare(engine.predict(chunk), expected)
        done, flips, largest = done + len(chunk), flips + changed, max(largest, apart)
        if progress is not None:
            progress(done, total)
    passed = flips == 0 and largest <= tolerance_of(pipeline, forms)
    reason = "" if passed else f"{flips} of {total:,} labels differ, and numbers by up to {largest:.3g}"
    return Parity(total, flips, largest, len(placed), passed, reason)


def tolerance_of(pipeline: Any, forms: Forms) -> float:
    """How far a probability, or a number relative to max(1, |y|), may be from the pipeline's own."""
    parts = {type(part).__module__.split(".")[0] for part in pipeline.get_params(deep=True).values()}
    dtypes = {dtype_of_form(form).lower() for form in forms.values()}
    single = parts.intersection(SINGLE_PRECISION) or dtypes & {"float16", "float32"}
    return TOLERANCE if single else TIGHT


def compare(found: Answers, expected: Answers) -> tuple[int, float]:
    """How many labels differ, and the largest difference of a probability or number; infinite where only one is NaN."""
    flipped, apart = _differences(found, expected)
    return int(flipped.sum()), float(apart.max(initial=0.0))


def differing(found: Answers, expected: Answers, tolerance: float) -> NDArray[np.bool_]:
    """(n,) True where a label differs, or a probability or number by more than ``tolerance``."""
    flipped, apart = _differences(found, expected)
    return flipped | (apart > tolerance)


def _differences(found: Answers, expected: Answers) -> tuple[NDArray[np.bool_], Matrix]:
    """(n,) whether the label differs, and (n,) how far a probability does, or a number relative to max(1, |y|)."""
    if expected.chosen is None:
        numbers = np.asarray(expected.predictions, dtype=np.float64)
        with np.errstate(invalid="ignore"):
            scale = np.maximum(1.0, np.abs(numbers))
        apart = _apart(np.asarray(found.predictions, dtype=np.float64), numbers, scale)
        return np.zeros(len(numbers), dtype=np.bool_), apart
    assert found.chosen is not None
    flipped: NDArray[np.bool_] = found.chosen != expected.chosen
    if (found.probabilities is None) != (expected.probabilities is None):
        return flipped, np.full(len(flipped), np.inf)
    if found.probabilities is None or expected.probabilities is None:
        return flipped, np.zeros(len(flipped))
    return flipped, _apart(found.probabilities, expected.probabilities, np.ones(1)).max(axis=1)


def _apart(found: Matrix, expected: Matrix, scale: Matrix) -> Matrix:
    with np.errstate(invalid="ignore"):
        difference = np.abs(found - expected) / scale.reshape(-1, *[1] * (expected.ndim - 1))
    difference[(found == expected) | (np.isnan(found) & np.isnan(expected))] = 0.0
    return np.nan_to_num(difference, nan=np.inf)


def _chunks(contract: Contract, draw: np.random.Generator, rows: int, placed: ThresholdRows) -> Iterator[Matrix]:
    for start in range(0, rows, CHUNK):
        yield random_rows(contract, min(CHUNK, rows - start), draw)
    yield from placed.chunks(CHUNK)
