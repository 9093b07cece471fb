"""The arithmetic of live performance, against scikit-learn's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss, mean_absolute_error, root_mean_squared_error

from inference.performance import ClassificationTally, RegressionPerformance, RegressionTally

CLASSES = ["a", "b", "c"]


def answers(count, seed):
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet([0.5] * 3, count)
    predictions = [CLASSES[index] for index in probabilities.argmax(axis=1)]
    outcomes = [CLASSES[index] for index in random.integers(0, 3, count)]
    return predictions, probabilities.tolist(), outcomes


@given(count=st.integers(1, 60), cut=st.integers(0, 60), seed=st.integers(0, 1000))
def test_any_split_into_chunks_gives_what_sklearn_gives_for_the_whole(count, cut, seed):
    predictions, probabilities, outcomes = answers(count, seed)
    tally = ClassificationTally(CLASSES)
    tally.add(predictions[:cut], probabilities[:cut], outcomes[:cut])
    tally.add(predictions[cut:], probabilities[cut:], outcomes[cut:])
    found = tally.performance()
    assert found.outcomes == count
    assert found.accuracy == pytest.approx(accuracy_score(outcomes, predictions))
    assert found.confusion.matrix == confusion_matrix(outcomes, predictions, labels=CLASSES).tolist()
    assert found.log_loss == pytest.approx(log_loss(outcomes, probabilities, labels=CLASSES))
    assert sum(one.count for one in found.calibration.bins) == count


def test_a_model_whose_probabilities_come_true_has_no_calibration_error():
    tally = ClassificationTally([0, 1])
    tally.add([1] * 10, [[0.2, 0.8]] * 10, [1] * 8 + [0] * 2)
    tally.add([0] * 10, [[1.0, 0.0]] * 10, [0] * 10)
    found = tally.performance().calibration
    assert found.expected_error == pytest.approx(0)
    assert [(one.from_, one.count, one.accuracy) for one in found.bins] == [(0.8, 10, 0.8), (0.9, 10, 1.0)]


def test_a_certain_and_wrong_answer_has_a_finite_loss():
    tally = ClassificationTally([0, 1])
    tally.add([1], [[0.0, 1.0]], [0])
    assert 30 < tally.performance().log_loss < 40


def test_a_model_without_probabilities_has_an_accuracy_only():
    tally = ClassificationTally([False, True])
    tally.add([True, False], [None, None], [1, 1])  # SQLite stores true as 1
    found = tally.performance()
    assert (found.accuracy, found.log_loss, found.calibration) == (0.5, None, None)


def test_measures_without_rows_are_none():
    assert ClassificationTally([0, 1]).performance().accuracy is None
    assert RegressionTally().performance() == RegressionPerformance(0, None, None, None)


def test_a_regression_is_measured_as_sklearn_does():
    random = np.random.default_rng(3)
    predictions, outcomes = random.normal(size=50), random.normal(size=50)
    tally = RegressionTally()
    tally.add(predictions[:20].tolist(), outcomes[:20].tolist())
    tally.add(predictions[20:].tolist(), outcomes[20:].tolist())
    found = tally.performance()
    assert found.rmse == pytest.approx(root_mean_squared_error(outcomes, predictions))
    assert found.mae == pytest.approx(mean_absolute_error(outcomes, predictions))
    assert found.mean_error == pytest.approx((predictions - outcomes).mean())
