"""How large numbers may be before the pipeline's own arithmetic fails."""

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from service.inference.contract import Contract, Feature
from service.inference.engines.sklearn import SklearnEngine
from service.inference.features import Matrix
from training.parity.random_rows import within

LARGEST_POWER = 300


def magnitude(pipeline: Any, contract: Contract, dtypes: Mapping[str, str]) -> float:
    """The largest power of ten for which the pipeline answers rows with all numbers at plus and minus it; at least 1.

    Squares and float32 trees overflow long before doubles do, and scikit-learn then raises. Declared ranges hold.
    """
    contract = replace(contract, magnitude=10.0**LARGEST_POWER)
    engine = SklearnEngine(pipeline, contract, dtypes, tuple(getattr(pipeline, "classes_", ())))
    low, high = 0, LARGEST_POWER + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _answers(engine, _rows(contract, 10.0**middle)) else (low, middle)
    return 10.0**low


def _rows(contract: Contract, size: float) -> Matrix:
    """All numbers at +size, all at -size, and signs by turns both ways."""
    signs = np.ones((4, len(contract.features)))
    signs[1] = -1
    signs[2, ::2] = signs[3, 1::2] = -1
    columns = [_column(contract, feature, signs[:, place] * size) for place, feature in enumerate(contract.features)]
    return np.column_stack(columns)


def _column(contract: Contract, feature: Feature, sizes: Matrix) -> Matrix:
    if feature.type in ("category", "boolean"):
        return np.zeros(len(sizes))
    if feature.choices:
        return np.full(len(sizes), float(feature.choices[0]))
    return within(contract, feature, sizes)


def _answers(engine: SklearnEngine, matrix: Matrix) -> bool:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            answers = engine.predict(matrix)
        except Exception:  # whatever it is, the pipeline does not answer
            return False
    numbers = answers.predictions if answers.chosen is None else answers.probabilities
    return numbers is None or bool(np.isfinite(np.asarray(numbers, dtype=np.float64)).all())
