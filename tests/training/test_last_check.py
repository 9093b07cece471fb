"""What is published answers its own sample: a contract or an engine that does not is stopped, with the column named."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from inference.contract import Contract, Feature
from inference.engines.base import Answers
from inference.engines.sklearn import SklearnEngine
from training.dataset import Dataset
from training.errors import TrainingError
from training.fitting import measure
from training.last_check import check_publication, compare_frames

FEATURES = (
    Feature("age", "integer", observed={"minimum": 0, "maximum": 99}, example=50),
    Feature("size", "number", nullable=False, observed={"minimum": 0.0, "maximum": 9.0}, example=4.5),
)
DTYPES = {"age": "int64", "size": "float64"}


@pytest.fixture
def fitted():
    matrix = np.column_stack([np.arange(100.0), np.linspace(0, 9, 100)])
    contract = Contract("regression", "y", FEATURES)
    dataset = Dataset(contract, DTYPES, matrix, matrix @ [1.0, 2.0], (), "table.csv")
    return measure(make_pipeline(LinearRegression()).fit(dataset.frame, dataset.target), dataset, dataset, 0.0)


class Shifted:
    """An engine that answers one row of many otherwise."""

    name = "shifted"

    def __init__(self, engine, row):
        self._engine, self._row = engine, row

    def predict(self, matrix):
        found = self._engine.predict(matrix).predictions
        return Answers([y + 1e-6 * (place == self._row) for place, y in enumerate(found)], None, None)


def _engine(fitted):
    return SklearnEngine(fitted.pipeline, fitted.seen.contract, DTYPES)


def test_the_pipeline_itself_passes(fitted):
    check_publication(fitted, fitted.seen.contract, _engine(fitted))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"limits": {"minimum": -100.0, "maximum": 98.0}}, r"column 'age'.*a row of table\.csv.*between -100 and 98"),
        ({"example": 1.5}, "column 'age'.*the example that the contract prints.*integer"),
        ({"choices": (1, 2, 50)}, "column 'age'.*Must be one of"),
    ],
)
def test_a_contract_that_refuses_its_own_sample_or_example_is_stopped(changes, words, fitted):
    contract = replace(fitted.seen.contract, features=(replace(FEATURES[0], **changes), FEATURES[1]))
    with pytest.raises(TrainingError, match=words):
        check_publication(fitted, contract, _engine(fitted))


@pytest.mark.parametrize("row", [0, 99])
def test_an_engine_that_answers_one_row_otherwise_is_stopped(row, fitted):
    with pytest.raises(TrainingError, match="otherwise than the fitted pipeline"):
        check_publication(fitted, fitted.seen.contract, Shifted(_engine(fitted), row))


def test_an_answer_that_json_cannot_carry_is_stopped_with_its_column(fitted):
    fitted.pipeline[-1].coef_[:] = [1.0, np.finfo(np.float64).max]
    with pytest.raises(TrainingError, match=r"column 'size'.*no finite number"):
        check_publication(fitted, fitted.seen.contract, _engine(fitted))


def test_a_column_that_reaches_the_pipeline_as_another_is_named(fitted):
    own = fitted.seen.frame.assign(size=lambda frame: frame["size"] + 1.0)
    with pytest.raises(TrainingError, match=r"column 'size': 100 of 100 rows of table\.csv are answered otherwise"):
        compare_frames(_engine(fitted), replace(fitted.seen, own=pd.DataFrame(own)))
