"""The parity gate passes an engine with equal answers, and no other."""

from dataclasses import replace

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import numpy_helper
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    PolynomialFeatures,
    PowerTransformer,
    StandardScaler,
)

from inference.contract import Contract, Feature
from inference.engines.base import Answers
from inference.engines.onnx import OnnxEngine
from inference.features import decode
from training.compiler import compile_pipeline
from training.parity import check, with_limits
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


def limits_of(pipeline, contract):
    dtypes = dict.fromkeys(contract.names, "float64")
    limited = with_limits(pipeline, contract, dtypes)
    return {feature.name: feature.limits for feature in limited.features}


def test_numbers_may_go_as_far_as_the_arithmetic_of_the_pipeline():
    open_ended = Contract("regression", "target", (Feature("one", "number"), Feature("two", "number", 0.0, 10.0)))
    rows = random_rows(replace(open_ended, magnitude=10.0), 200, np.random.default_rng(0))
    frame = decode(open_ended, {"one": "float64", "two": "float64"}, rows)
    trees = make_pipeline(PolynomialFeatures(2), RandomForestRegressor(3)).fit(frame, rows[:, 0])
    end = 1e19  # its square still fits into a float32
    assert limits_of(trees, open_ended) == {"one": {"minimum": -end, "maximum": end}, "two": None}
    linear = make_pipeline(StandardScaler(), Ridge()).fit(frame, rows[:, 0])
    assert limits_of(linear, open_ended) == {"one": None, "two": None}


def test_a_column_that_goes_less_far_does_not_limit_the_others():
    draw = np.random.default_rng(0)
    year, pool = draw.integers(1900, 2020, 600), np.where(draw.random(600) < 0.01, draw.integers(200, 800, 600), 0)
    frame = pd.DataFrame({"year": year, "pool": pool}, dtype=float)
    pipeline = make_pipeline(PowerTransformer(), GradientBoostingRegressor(n_estimators=5)).fit(frame, frame["pool"])
    seen = [{"minimum": float(frame[name].min()), "maximum": float(frame[name].max())} for name in frame]
    features = tuple(
        Feature(name, "number", observed=range_, example=float(frame[name].median()))
        for name, range_ in zip(frame, seen, strict=True)
    )
    contract = with_limits(pipeline, Contract("regression", "price", features), dict.fromkeys(frame, "float64"))
    for feature, observed in zip(contract.features, seen, strict=True):
        low, high = contract.bounds(feature)
        assert low <= observed["minimum"] and observed["maximum"] <= high
        for end in (low, high):
            row = frame.head(1).assign(**{feature.name: end})
            assert np.isfinite(pipeline.predict(row)).all()
    assert contract.bounds(contract.features[0])[1] > 1e6


@pytest.mark.parametrize(
    ("name", "function", "seen", "low", "high"),
    [
        ("log1p", np.log1p, (0.0, 9.0), (-1.0, -0.5), (1e100, 1e300)),
        ("exp", np.exp, (0.0, 9.0), (-1e300, -1e299), (500.0, 709.8)),
    ],
)
def test_a_function_is_defined_on_a_part_of_the_numbers_only(name, function, seen, low, high):
    features = (Feature("a", "number", observed={"minimum": seen[0], "maximum": seen[1]}, example=5.0),)
    frame = pd.DataFrame({"a": np.linspace(*seen, 50)})
    pipeline = make_pipeline(FunctionTransformer(function), LinearRegression()).fit(frame, frame["a"])
    contract = with_limits(pipeline, Contract("regression", "y", features), {"a": "float64"})
    found = contract.bounds(contract.features[0])
    assert low[0] < found[0] <= low[1] or found[0] == low[0] == -1e300
    assert high[0] <= found[1] <= high[1]


def test_a_contract_of_the_release_before_keeps_its_one_magnitude():
    document = Contract("regression", "y", (Feature("a", "number"), Feature("i", "integer"))).to_json()
    for feature in document["features"]:
        del feature["limits"]
    old = Contract.from_json({**document, "magnitude": 1e19})
    assert [old.bounds(feature) for feature in old.features] == [(-1e19, 1e19), (-(2.0**53), 2.0**53)]
    assert Contract.from_json(old.to_json()) == old
