"""A body that a pandas user sends by mistake is refused with what to send instead."""

import json

import pandas as pd
import pytest

from inference.contract import Contract, Feature
from schemas.errors import InvalidInput, MalformedBody
from schemas.reader import Reader

READER = Reader(Contract("regression", "y", (Feature("größe", "number", nullable=True),)), 10)
FRAME = pd.DataFrame({"größe": [1.0, float("nan")]})


@pytest.mark.parametrize(
    ("literal", "name"), [("NaN", "NaN"), ("Infinity", "Infinity"), ("-Infinity", "Infinity"), ("nan", "NaN")]
)
def test_a_number_that_json_does_not_have_is_named_with_its_position_and_null(literal, name):
    body = b'{"instances": [{"gr\xc3\xb6\xc3\x9fe": 1.0},\n {"gr\xc3\xb6\xc3\x9fe": ' + literal.encode() + b"}]}"
    with pytest.raises(MalformedBody) as refused:
        READER.batch(body)
    assert name in refused.value.detail
    assert "send null instead" in refused.value.detail
    assert "at line 2, column 1" in refused.value.detail


def test_the_expression_that_the_refusal_names_makes_a_body_that_is_read():
    with pytest.raises(MalformedBody) as refused:
        READER.batch(json.dumps({"instances": FRAME.to_dict("records")}).encode())
    advised = refused.value.detail.split("of a pandas frame: ")[1].removesuffix(").")
    rows = eval(advised, {"df": FRAME})
    matrix = READER.batch(json.dumps({"instances": rows}).encode())
    assert matrix[0, 0] == 1.0
    assert matrix[1, 0] != matrix[1, 0]


@pytest.mark.parametrize("text", ["NaNs", "infinite", "[1,]", "tru", "x" * 100, '{"a": "NaN", }', "\ufeffNaN", ""])
def test_other_bodies_that_are_no_json_are_not_taken_for_nan(text):
    with pytest.raises(MalformedBody) as refused:
        READER.row(text.encode())
    assert "null instead" not in refused.value.detail


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('\ufeff{"a": 1}'.encode(), "byte order mark"),
        ('{"a": 1}'.encode("utf-16"), "send UTF-8"),
        ('{"a": 1}'.encode("utf-16-be"), "send UTF-8"),
        ('{"a": 1}'.encode("utf-32"), "send UTF-8"),
        ('{"größe": 1}'.encode("latin-1"), "it is not UTF-8"),
        (repr({"a": 1}).encode(), "double quotes"),
        (b'{"a": True}', "true, false and null"),
        (b'{"a": None}', "true, false and null"),
        (b'{"a": 1e999}', "too large for a double"),
        (b'{"a": 1,}', "nothing follows this comma"),
    ],
)
def test_other_mistakes_are_told_by_name(body, told):
    with pytest.raises(MalformedBody) as refused:
        READER.row(body)
    assert told in refused.value.detail


def test_a_bare_list_is_told_what_to_wrap_it_in():
    for read in (READER.batch, READER.row):
        with pytest.raises(InvalidInput) as refused:
            read(b'[{"x": 1}]')
        assert '{"instances": [row, ...]}' in refused.value.errors["$"][0]
