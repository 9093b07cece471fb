"""How large numbers may be before the pipeline's own arithmetic fails."""

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from inference.contract import Contract, Feature
from inference.engines.sklearn import SklearnEngine
from inference.features import Matrix
from training.parity.random_rows import within

LARGEST_POWER = 300


def magnitude(pipeline: Any, contract: Contract, dtypes: Mapping[str, str]) -> float:
    """The largest power of ten for which the pipeline answers rows with all numbers at plus and minus it; at least 1.

    Squares and float32 trees overflow long before doubles do, and scikit-learn then raises; exponentials become
    infinite. But ten times what was seen is accepted wherever the pipeline does not raise: all numbers together may be
    too much for an exponential where each of them alone is not. Declared ranges hold.
    """
    contract = replace(contract, magnitude=10.0**LARGEST_POWER)
    engine = SklearnEngine(pipeline, contract, dtypes, tuple(getattr(pipeline, "classes_", ())))
    signs = np.vstack([_signs(len(contract.features)), _uphill(engine, contract)])
    seen = [abs(float(feature.observed.get(end, 0))) for feature in contract.features for end in ("minimum", "maximum")]
    wanted = int(np.ceil(np.log10(max(1.0, *seen)))) + 1

    def power(finite: bool) -> int:
        low, high = 0, LARGEST_POWER + 1
        while high - low > 1:
            middle = (low + high) // 2
            answers = _answers(engine, _rows(contract, signs, 10.0**middle), finite)
            low, high = (middle, high) if answers else (low, middle)
        return low

    answered = power(finite=True)
    return 10.0 ** (answered if answered >= wanted else max(answered, min(wanted, power(finite=False))))


def _signs(features: int) -> Matrix:
    """All numbers at +size, all at -size, and signs by turns both ways."""
    signs = np.ones((4, features))
    signs[1] = -1
    signs[2, ::2] = signs[3, 1::2] = -1
    return signs


def _uphill(engine: SklearnEngine, contract: Contract) -> Matrix:
    """Of a regression: the signs with which each number raises the answer, and their opposite."""
    middle = _rows(contract, np.zeros((1, len(contract.features))), 0.0)
    ends = []
    for sign in (-1.0, 1.0):
        moved = np.repeat(middle, len(contract.features), axis=0)
        steps = [_column(contract, feature, np.array([sign]))[0] for feature in contract.features]
        np.fill_diagonal(moved, steps)
        ends.append(moved)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            answers = engine.predict(np.vstack(ends))
        except Exception:  # it fails on these rows: no signs are known
            return np.empty((0, len(contract.features)))
    if answers.chosen is not None:
        return np.empty((0, len(contract.features)))
    low, high = np.split(np.asarray(answers.predictions), 2)
    signs = np.where(high >= low, 1.0, -1.0)
    return np.vstack([signs, -signs])


def _rows(contract: Contract, signs: Matrix, size: float) -> Matrix:
    columns = [_column(contract, feature, signs[:, place] * size) for place, feature in enumerate(contract.features)]
    return np.column_stack(columns)


def _column(contract: Contract, feature: Feature, sizes: Matrix) -> Matrix:
    if feature.type in ("category", "boolean", "text"):
        return np.zeros(len(sizes))
    if feature.choices:
        return np.full(len(sizes), float(feature.choices[0]))
    return within(contract, feature, sizes)


def _answers(engine: SklearnEngine, matrix: Matrix, finite: bool) -> bool:
    """Whether the pipeline answers without an error; ``finite``: with finite numbers."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            answers = engine.predict(matrix)
        except Exception:  # a pipeline may raise anything
            return False
    numbers = answers.predictions if answers.chosen is None else answers.probabilities
    return not finite or numbers is None or bool(np.isfinite(np.asarray(numbers, dtype=np.float64)).all())
