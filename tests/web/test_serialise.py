"""A batch is serialised piece by piece; the text is that of a JSON object for each row."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.contract import Contract, Feature
from inference.engines.base import Answers, classified
from service.records import Record
from service.web.prediction import Prediction, serialise_batch, serialise_row, serialise_rows

CONTRACT = Contract("classification", "target", (Feature("x", "number"),))

labels = st.lists(
    st.one_of(st.integers(-(2**53), 2**53), st.text(max_size=5), st.booleans(), st.floats(-1e9, 1e9)),
    min_size=2,
    max_size=4,
    unique_by=repr,
)


@st.composite
def classifications(draw):
    classes = tuple(draw(labels))
    rows = draw(st.integers(1, 6))
    size = rows * len(classes)
    cells = draw(st.lists(st.floats(0, 1), min_size=size, max_size=size))
    chosen = draw(st.lists(st.integers(0, len(classes) - 1), min_size=rows, max_size=rows))
    return classes, np.array(cells).reshape(rows, -1), np.array(chosen)


def _parsed(answers, classes):
    return json.loads(serialise_rows(answers, classes))


@given(classifications())
def test_each_row_has_its_label_and_the_probability_of_its_class(drawn):
    classes, probabilities, chosen = drawn
    parsed = _parsed(classified(classes, probabilities, chosen), classes)
    expected = [
        {"prediction": classes[index], "probability": row[index]}
        for index, row in zip(chosen, probabilities, strict=True)
    ]
    assert parsed == expected
    assert [type(row["prediction"]) for row in parsed] == [type(row["prediction"]) for row in expected]


@given(classifications())
def test_one_row_has_the_fields_of_a_batch_of_it(drawn):
    classes, probabilities, chosen = drawn
    answers = classified(classes, probabilities[:1], chosen[:1])
    record = Record("id", "request", 0.0, "m-1", "stable", CONTRACT, np.zeros((1, 1)), answers, 1.0, "me", classes)
    row, batch = (json.loads(write(Prediction(None, record))) for write in (serialise_row, serialise_batch))
    assert batch.pop("predictions") == [{name: row.pop(name) for name in ("prediction", "probability")}]
    assert batch.pop("count") == 1 and batch == row
    assert row == {"model_version": "m-1", "timestamp": "1970-01-01T00:00:00.000Z", "prediction_id": "id"}


@pytest.mark.parametrize(
    ("answers", "classes"),
    [(Answers([1.5, -2e-7], None, None), ()), (classified(("a,b", 'c"}'), None, np.array([1, 0])), ("a,b", 'c"}'))],
)
def test_without_probabilities_there_is_the_prediction_alone(answers, classes):
    assert _parsed(answers, classes) == [{"prediction": prediction} for prediction in answers.predictions]


@given(classifications())
def test_all_probabilities_stand_in_each_row_and_the_classes_once(drawn):
    classes, probabilities, chosen = drawn
    answers = classified(classes, probabilities, chosen)
    record = Record("id", "r", 0.0, "m-1", "stable", CONTRACT, np.zeros((len(chosen), 1)), answers, 1.0, "me", classes)
    batch = json.loads(serialise_batch(Prediction(None, record, all_classes=True)))
    assert [row.pop("probabilities") for row in batch["predictions"]] == probabilities.tolist()
    assert batch.pop("classes") == list(classes)
    assert batch == json.loads(serialise_batch(Prediction(None, record)))


@given(classifications())
def test_one_row_with_all_probabilities_has_the_fields_of_a_batch_of_it(drawn):
    classes, probabilities, chosen = drawn
    answers = classified(classes, probabilities[:1], chosen[:1])
    record = Record("id", "r", 0.0, "m-1", "stable", CONTRACT, np.zeros((1, 1)), answers, 1.0, "me", classes)
    shown = Prediction(None, record, all_classes=True)
    row, batch = json.loads(serialise_row(shown)), json.loads(serialise_batch(shown))
    (only,) = batch.pop("predictions")
    assert batch.pop("count") == 1
    assert only | batch == row
