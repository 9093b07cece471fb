"""The parity gate passes an engine with equal answers, and no other."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler

from inference.contract import Contract, Feature
from inference.engines.base import Answers
from inference.engines.onnx import OnnxEngine
from inference.features import decode
from training.compiler import compile_pipeline
from training.parity import check, magnitude
from training.parity.random_rows import random_rows

FEATURES = (
    Feature("share", "number", 0.0, 100.0, observed={"minimum": 2.0, "maximum": 98.0}, example=50.0),
    Feature("level", "number", nullable=True, observed={"minimum": -4.0, "maximum": 4.0}),
    Feature("grade", "integer", 1, 5, observed={"minimum": 1, "maximum": 5}, example=3),
    Feature("kind", "category", choices=("a", "b", "c"), example="a"),
)
DTYPES = {"share": "float64", "level": "float64", "grade": "int64", "kind": "str"}


class Altered:
    """An engine whose answers are altered."""

    name = "altered"

    def __init__(self, engine, alter):
        self._engine, self._alter = engine, alter

    def predict(self, matrix):
        return self._alter(self._engine.predict(matrix))


def contract(task):
    return Contract(task, "target", FEATURES)


def fitted(model, task="classification", nullable=True, encoder=None):
    matrix = random_rows(replace(contract(task), magnitude=100.0), 400, np.random.default_rng(0))
    matrix[:, 1] = np.where(np.isnan(matrix[:, 1]) & (not nullable), 0.0, matrix[:, 1])
    score = matrix[:, 0] * 0.05 + np.nan_to_num(matrix[:, 1]) + matrix[:, 3]
    target = (score > np.median(score)).astype(int) if task == "classification" else score
    encoded = ("kind", encoder or OneHotEncoder(), ["kind"])
    numbers = ["share", "level", "grade"] if nullable else ["share", "grade"]
    features = ColumnTransformer([("numbers", "passthrough", numbers), encoded])
    pipeline = make_pipeline(features, model).fit(decode(contract(task), DTYPES, matrix), target)
    return pipeline, OnnxEngine(compile_pipeline(pipeline, contract(task), DTYPES), (0, 1))


def flipped(answers):
    assert answers.chosen is not None
    chosen = answers.chosen.copy()
    chosen[::1000] = 1 - chosen[::1000]
    return Answers([int(label) for label in chosen], answers.probabilities, chosen)


def shifted(answers):
    assert answers.probabilities is not None
    return Answers(answers.predictions, answers.probabilities + np.array([2e-6, -2e-6]), answers.chosen)


def test_a_compiled_forest_passes_and_the_rows_are_counted_out():
    reported = []
    pipeline, engine = fitted(RandomForestClassifier(10, random_state=0))
    found = check(
        pipeline, engine, contract("classification"), DTYPES, 25_000, progress=lambda *now: reported.append(now)
    )
    assert (found.passed, found.flips, found.largest_difference) == (True, 0, 0.0)
    assert found.rows == 25_000 + found.threshold_rows
    assert reported[0] == (10_000, found.rows)
    assert reported[-1] == (found.rows, found.rows)


@pytest.mark.parametrize("alter", [flipped, shifted])
def test_one_flipped_label_or_two_millionths_stop_it(alter):
    pipeline, engine = fitted(RandomForestClassifier(5, random_state=0))
    found = check(pipeline, Altered(engine, alter), contract("classification"), DTYPES, 3000)
    assert not found.passed
    assert "differ" in found.reason


def test_a_graph_of_another_model_is_stopped():
    _, engine = fitted(RandomForestRegressor(5, random_state=0), "regression")
    pipeline, _ = fitted(RandomForestRegressor(5, random_state=1), "regression")
    assert not check(pipeline, engine, contract("regression"), DTYPES, 500).passed


def test_thresholds_rounded_to_float32_are_caught_on_threshold_rows():
    """What a stock conversion does: compare doubles with rounded thresholds."""
    pipeline, _ = fitted(RandomForestRegressor(5, random_state=0), "regression")
    right = compile_pipeline(pipeline, contract("regression"), DTYPES)
    model = onnx.load_from_string(right)
    (trees,) = (node for node in model.graph.node if node.op_type == "TreeEnsemble")
    (splits,) = (attribute for attribute in trees.attribute if attribute.name == "nodes_splits")
    rounded = numpy_helper.to_array(splits.t).astype(np.float32).astype(np.float64)
    splits.t.CopyFrom(numpy_helper.from_array(rounded))
    found = check(pipeline, OnnxEngine(model.SerializeToString()), contract("regression"), DTYPES, 500)
    assert not found.passed


def test_a_pipeline_that_fails_on_valid_rows_does_not_pass():
    pipeline, engine = fitted(LogisticRegression(max_iter=1000), nullable=False, encoder=OneHotEncoder())
    narrow = replace(FEATURES[3], choices=("a", "b", "c", "d"))
    wider = Contract("classification", "target", (*FEATURES[:3], narrow))
    found = check(pipeline, engine, wider, DTYPES, 500)
    assert not found.passed
    assert "the pipeline itself fails" in found.reason


def test_random_rows_are_valid_and_show_every_value():
    rows = random_rows(contract("regression"), 5000, np.random.default_rng(0))
    share, level, grade, kind = rows.T
    assert 0 <= share.min() == np.nanmin(share) < 2
    assert 98 < share.max() <= 100
    assert np.isnan(level).any()
    assert np.nanmax(np.abs(level)) > 100
    assert set(grade) == {1, 2, 3, 4, 5}
    assert set(kind) == {0, 1, 2}


def test_the_magnitude_is_where_the_arithmetic_of_the_pipeline_ends():
    features = (Feature("one", "number"), Feature("two", "number", 0.0, 10.0))
    open_ended = Contract("regression", "target", features)
    dtypes = {"one": "float64", "two": "float64"}
    rows = random_rows(replace(open_ended, magnitude=10.0), 200, np.random.default_rng(0))
    frame = decode(open_ended, dtypes, rows)
    trees = make_pipeline(PolynomialFeatures(2), RandomForestRegressor(3)).fit(frame, rows[:, 0])
    assert magnitude(trees, open_ended, dtypes) == 1e19  # its square still fits into a float32
    linear = make_pipeline(StandardScaler(), Ridge()).fit(frame, rows[:, 0])
    assert magnitude(linear, open_ended, dtypes) == 1e300
