"""A small mixed table, and factories of what is fitted on it."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from inference.contract import Contract, Feature
from inference.engines.onnx import OnnxEngine
from inference.engines.sklearn import SklearnEngine
from inference.features import Matrix, decode
from training.compiler import compile_pipeline
from training.parity import compare

FEATURES = (
    Feature("width", "number", nullable=True, observed={"minimum": -3.0, "maximum": 3.0}, example=0.1),
    Feature("großer Wert", "number", observed={"minimum": -300.0, "maximum": 300.0}, example=3.0),
    Feature("grade", "integer", minimum=1, maximum=6, example=2),
    Feature("colour", "category", choices=("red", "green", "blue", "mauve", "teal"), nullable=True, example="red"),
    Feature("side", "category", choices=("x", "y"), example="x"),
    Feature("flag", "boolean", example=True),
    Feature("maybe", "boolean", nullable=True, example=False),
)
DTYPES = {
    "width": "float64",
    "großer Wert": "float64",
    "grade": "int64",
    "colour": "str",
    "side": "object",
    "flag": "bool",
    "maybe": "object",
}
NATIVE = DTYPES | {"colour": "category", "side": "category"}


@dataclass(frozen=True)
class Fitted:
    """A pipeline fitted on the mixed table, and how it compares with its graph."""

    pipeline: Any
    contract: Contract
    dtypes: Mapping[str, str]

    @property
    def classes(self) -> tuple:
        return tuple(getattr(self.pipeline, "classes_", ()))

    def engine(self) -> OnnxEngine:
        return OnnxEngine(compile_pipeline(self.pipeline, self.contract, self.dtypes), self.classes)

    def difference(self, matrix: Matrix) -> tuple[int, float]:
        """Flipped labels and the largest difference."""
        reference = SklearnEngine(self.pipeline, self.contract, self.dtypes, self.classes)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Found unknown categories")
            expected = reference.predict(matrix)
        return compare(self.engine().predict(matrix), expected)


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Histogram boosting's threads wait for each other by spinning: slow where other tests hold the cores."""
    with threadpool_limits(1):
        yield


@pytest.fixture
def make_rows() -> Callable[..., Matrix]:
    """Factory of valid rows: ``make_rows(300, seed=1)``; grade 6 is never seen in training."""

    def make(rows: int, seed: int = 0, unseen: bool = False) -> Matrix:
        draw = np.random.default_rng(seed)
        colours = draw.choice(5, rows, p=[0.4, 0.3, 0.26, 0.02, 0.02])
        wide = draw.normal(size=rows) * 100
        grade = draw.integers(1, 7 if unseen else 6, rows)
        booleans = draw.integers(0, 2, (rows, 3))
        matrix = np.column_stack([draw.normal(size=rows), wide, grade, colours, booleans]).astype(np.float64)
        for column in (0, 3, 6):
            matrix[draw.random(rows) < 0.1, column] = np.nan
        return matrix

    return make


@pytest.fixture
def fit(make_rows: Callable[..., Matrix]) -> Callable[..., Fitted]:
    """Factory: ``fit(pipeline)`` for classes 0 and 1, ``classes=3`` for more, ``classes=0`` for a regression."""

    def fitted(pipeline: Any, classes: int = 2, dtypes: Mapping[str, str] = DTYPES, rows: int = 400) -> Fitted:
        matrix = make_rows(rows)
        contract = Contract("classification" if classes else "regression", "target", FEATURES)
        noise = np.random.default_rng(9).normal(size=rows)
        score = np.nan_to_num(matrix) @ np.array([1, 0.01, 0.3, 0.3, -1, 1, 0.5]) + noise * 0.3
        target = pd.qcut(score, classes, labels=False) if classes else score
        return Fitted(clone(pipeline).fit(decode(contract, dtypes, matrix), target), contract, dtypes)

    return fitted
