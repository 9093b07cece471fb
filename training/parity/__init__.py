"""The parity gate: an engine is served only if it answers each row as the fitted pipeline does.

Both get random valid rows, and rows on either side of every threshold of the pipeline's trees. To pass, every label is
the same, probabilities are within 1e-6, and numbers of a regression within 1e-6 x max(1, |y|).
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from inference.contract import Contract
from inference.engines.base import Answers, Engine
from inference.engines.sklearn import SklearnEngine
from inference.features import Matrix
from inference.golden import TOLERANCE
from training.parity.magnitude import magnitude
from training.parity.random_rows import random_rows
from training.parity.threshold_rows import ThresholdRows

__all__ = ["Parity", "check", "compare", "magnitude"]

ROWS = 100_000
MOST_THRESHOLD_ROWS = 3
"""Threshold rows for each random row."""
CHUNK = 10_000
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
    dtypes: Mapping[str, str],
    rows: int = ROWS,
    seed: int = 0,
    progress: Progress | None = None,
) -> Parity:
    """Compare ``engine`` with the fitted ``pipeline`` on ``rows`` random rows and on those at thresholds.

    ``dtypes``: the pandas dtype of each column. ``progress`` is called after each chunk of rows. If the pipeline itself
    fails on a row, the engine does not pass.
    """
    draw = np.random.default_rng(seed)
    placed = ThresholdRows(pipeline, contract, dtypes, draw, MOST_THRESHOLD_ROWS * rows)
    reference = SklearnEngine(pipeline, contract, dtypes, tuple(getattr(pipeline, "classes_", ())))
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
    passed = flips == 0 and largest <= TOLERANCE
    reason = "" if passed else f"{flips} of {total:,} labels differ, and numbers by up to {largest:.3g}"
    return Parity(total, flips, largest, len(placed), passed, reason)


def compare(found: Answers, expected: Answers) -> tuple[int, float]:
    """How many labels differ, and the largest difference of a probability or number; infinite where only one is NaN."""
    if expected.chosen is None:
        numbers = np.asarray(expected.predictions, dtype=np.float64)
        return 0, _apart(np.asarray(found.predictions, dtype=np.float64), numbers, np.maximum(1.0, np.abs(numbers)))
    assert found.chosen is not None
    flips = int((found.chosen != expected.chosen).sum())
    if (found.probabilities is None) != (expected.probabilities is None):
        return flips, float("inf")
    if found.probabilities is None or expected.probabilities is None:
        return flips, 0.0
    return flips, _apart(found.probabilities, expected.probabilities, np.ones(1))


def _apart(found: Matrix, expected: Matrix, scale: Matrix) -> float:
    with np.errstate(invalid="ignore"):
        difference = np.abs(found - expected) / scale.reshape(-1, *[1] * (expected.ndim - 1))
    difference[(found == expected) | (np.isnan(found) & np.isnan(expected))] = 0.0
    return float(np.nan_to_num(difference, nan=np.inf).max(initial=0.0))


def _chunks(contract: Contract, draw: np.random.Generator, rows: int, placed: ThresholdRows) -> Iterator[Matrix]:
    for start in range(0, rows, CHUNK):
        yield random_rows(contract, min(CHUNK, rows - start), draw)
    yield from placed.chunks(CHUNK)
