"""The text of a batch's answers is what an object a row would give."""

import json

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.engines.base import Answers, classified
from service.web.outcomes import outcome, outcomes

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
    return json.loads(b"[" + outcomes(answers, classes) + b"]")


@given(classifications())
def test_each_row_has_its_label_and_the_probability_of_its_class(drawn):
    classes, probabilities, chosen = drawn
    said = _parsed(classified(classes, probabilities, chosen), classes)
    expected = [
        {"prediction": classes[index], "probability": row[index]}
        for index, row in zip(chosen, probabilities, strict=True)
    ]
    assert said == expected
    assert [type(row["prediction"]) for row in said] == [type(row["prediction"]) for row in expected]


@given(classifications())
def test_one_row_says_what_a_batch_of_it_says(drawn):
    classes, probabilities, chosen = drawn
    answers = classified(classes, probabilities[:1], chosen[:1])
    assert [orjson.loads(orjson.dumps(outcome(answers)))] == _parsed(answers, classes)


@pytest.mark.parametrize(
    ("answers", "classes"),
    [(Answers([1.5, -2e-7], None, None), ()), (classified(("a,b", 'c"}'), None, np.array([1, 0])), ("a,b", 'c"}'))],
)
def test_without_probabilities_there_is_the_prediction_alone(answers, classes):
    assert _parsed(answers, classes) == [{"prediction": prediction} for prediction in answers.predictions]
