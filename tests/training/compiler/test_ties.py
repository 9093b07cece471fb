"""Where votes are tied, and sums all but tied, scikit-learn's first greatest class is answered."""

import numpy as np
import onnx
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline

from training.compiler import compile_pipeline
from training.parity import check

NUMBERS = ColumnTransformer([("numbers", "passthrough", ["großer Wert", "grade"])])


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("leaf", [1, 2], ids=["whole votes", "shares"])
def test_tied_votes_choose_the_first_class_as_the_pipeline_does(fit, make_rows, classes, leaf):
    fitted = fit(make_pipeline(NUMBERS, RandomForestClassifier(6, min_samples_leaf=leaf, random_state=1)), classes)
    rows = make_rows(4000, 1)
    probabilities = fitted.engine().predict(rows).probabilities
    two = np.sort(probabilities, axis=1)[:, -2:]
    assert (np.abs(two[:, 0] - two[:, 1]) < 1e-12).sum() > 5, "the case must occur to be tested"
    assert fitted.difference(rows) == (0, 0.0)


def test_a_forest_of_whole_votes_is_two_nodes_after_its_trees(fit):
    fitted = fit(make_pipeline(NUMBERS, RandomForestClassifier(6, random_state=1)))
    graph = onnx.load_from_string(compile_pipeline(fitted.pipeline, fitted.contract, fitted.dtypes)).graph
    assert [node.op_type for node in graph.node] == ["TreeEnsemble", "Gemm", "Div"]


def test_rows_on_every_threshold_are_answered_alike(fit):
    fitted = fit(make_pipeline(NUMBERS, RandomForestClassifier(10, random_state=1)))
    found = check(fitted.pipeline, fitted.engine(), fitted.contract, fitted.dtypes, rows=2000)
    assert found.passed
    assert found.threshold_rows > 400
    assert (found.flips, found.largest_difference) == (0, 0.0)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("leaf", [1, 2], ids=["whole votes", "shares"])
def test_a_forest_larger_than_a_cache_is_answered_alike_in_parts(fit, make_rows, classes, leaf):
    forest = RandomForestClassifier(500, min_samples_leaf=leaf, random_state=1)
    fitted = fit(make_pipeline(NUMBERS, forest), classes)
    graph = onnx.load_from_string(compile_pipeline(fitted.pipeline, fitted.contract, fitted.dtypes)).graph
    assert [node.op_type for node in graph.node].count("TreeEnsemble") > 1
    assert fitted.difference(make_rows(4000, 1)) == (0, 0.0)
