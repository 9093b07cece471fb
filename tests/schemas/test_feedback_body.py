"""The body of POST /feedback: what it takes, and the errors by field; and the window of a query."""

import json

import pytest

from schemas.errors import InvalidInput
from schemas.feedback import read_feedback
from schemas.monitoring import read_window


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ([], ["$"]),
        ({}, ["prediction_id", "outcome"]),
        ({"prediction_id": "a"}, ["outcome"]),
        ({"prediction_id": 5, "outcome": 1}, ["prediction_id"]),
        ({"prediction_id": "", "outcome": 1}, ["prediction_id"]),
        ({"prediction_id": "a\0", "outcome": 1}, ["prediction_id"]),
        ({"prediction_id": "a" * 65, "outcome": 1}, ["prediction_id"]),
        ({"prediction_id": "a", "outcome": None}, ["outcome"]),
        ({"prediction_id": "a", "outcome": [1]}, ["outcome"]),
        ({"prediction_id": "a", "outcome": 10**30}, ["outcome"]),
        ({"prediction_id": "a", "outcome": 1, "row": -1}, ["row"]),
        ({"prediction_id": "a", "outcome": 1, "row": "0"}, ["row"]),
        ({"prediction_id": "a", "outcome": 1, "note": ""}, ["note"]),
        ({"outcomes": []}, ["outcomes"]),
        ({"outcomes": {}}, ["outcomes"]),
        ({"outcomes": [{"prediction_id": "a", "outcome": 1}] * 4}, ["outcomes"]),
        ({"outcomes": [1]}, ["outcomes.0"]),
        ({"outcomes": [{"prediction_id": "a", "outcome": 1}], "outcome": 1}, ["outcome"]),
        ({"outcomes": [{"prediction_id": "a", "outcome": 1}, {"outcome": 1}]}, ["outcomes.1.prediction_id"]),
    ],
)
def test_bad_feedback_is_named_by_its_field(body, fields):
    with pytest.raises(InvalidInput) as refused:
        read_feedback(json.dumps(body).encode(), most=3)
    assert sorted(refused.value.errors) == sorted(fields)


def test_the_row_of_an_outcome_is_0_by_default():
    assert read_feedback(b'{"prediction_id":"a","outcome":"yes"}', 3) == (
        [{"prediction_id": "a", "row": 0, "outcome": "yes"}],
        False,
    )


@pytest.mark.parametrize("window", ["", "7", "0d", "1w", "-1h", "9999999d", "1h; DROP TABLE predictions", "１h"])
def test_a_malformed_window_is_refused(window):
    with pytest.raises(InvalidInput):
        read_window(window)


def test_a_window_is_a_number_of_minutes_hours_or_days():
    assert [read_window(text).total_seconds() for text in ("30m", "24h", "7d")] == [1800, 86400, 604800]
