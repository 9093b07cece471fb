"""Bodies made to cost time: what validation does does not grow with the number of a client's unknown names."""

import gc
import sys

import orjson
import pytest

from inference.contract import Contract, Feature
from schemas.errors import InvalidInput
from schemas.feedback import read_feedback
from schemas.reader import Reader

READER = Reader(Contract("regression", "y", (Feature("a", "number"), Feature("b", "category", choices=("x",)))), 100)


def unknown(count, value=1, length=0):
    return {f"{number}{'x' * length}": value for number in range(count)}


def in_batch(count):
    return {"instances": [{"a": 1, "b": "x"}, unknown(count), {"a": 1, "b": "x"}]}


def outcomes(count):
    return {"outcomes": [{"prediction_id": "p", "outcome": 1} | unknown(count)]}


def feedback(body):
    return read_feedback(body, 100)


READ = {
    "a row of unknown names": (READER.row, lambda n: unknown(n), lambda n: n + 2),
    "a valid row and unknown names": (READER.row, lambda n: {"a": 1, "b": "x"} | unknown(n), lambda n: n),
    "long names": (READER.row, lambda n: unknown(n, length=300), lambda n: n + 2),
    "nested values": (READER.row, lambda n: unknown(n, {"c": [{"d": {}}]}), lambda n: n + 2),
    "one row of a batch": (READER.batch, in_batch, lambda n: n + 2),
    "beside instances": (READER.batch, lambda n: in_batch(0) | unknown(n), lambda n: n),
    "instead of instances": (READER.batch, lambda n: unknown(n), lambda n: n + 1),
    "every row of a batch": (READER.batch, lambda n: {"instances": [unknown(n)] * 50}, lambda n: 50 * (n + 2)),
    "an outcome": (
        lambda body: read_feedback(body, 100),
        lambda n: {"prediction_id": "p", "outcome": 1} | unknown(n),
        lambda n: n,
    ),
    "an entry of outcomes": (lambda body: read_feedback(body, 100), outcomes, lambda n: n),
}


def _calls(read, body):
    """How many functions are called, those of Python and those in C, and the refusal."""
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event in ("call", "c_call")

    gc.collect()
    gc.disable()  # a collection calls whoever asked for it
    sys.setprofile(count)
    try:
        with pytest.raises(InvalidInput) as refused:
            read(body)
    finally:
        sys.setprofile(None)
        gc.enable()
    return calls, refused.value


@pytest.mark.parametrize("name", READ)
def test_twice_the_unknown_names_take_no_more_calls_and_are_counted_to_the_last(name):
    read, made, total = READ[name]
    few, _ = _calls(read, orjson.dumps(made(2000)))
    many, refused = _calls(read, orjson.dumps(made(4000)))
    assert many <= few + 10
    assert refused.total == total(4000)
    assert 1 <= len(refused.errors) <= 100


def test_a_name_that_is_repeated_a_thousand_times_is_one_unknown_name():
    body = b'{"a":1,"b":"x",' + b",".join([b'"c":1'] * 1000) + b"}"
    _, refused = _calls(READER.row, body)
    assert refused.errors == {"c": ["Unknown field."]}
    assert refused.total == 1


def test_what_is_wrong_with_known_fields_is_listed_before_unknown_names():
    with pytest.raises(InvalidInput) as refused:
        READER.row(orjson.dumps({"a": "1", "b": "y"} | unknown(5000)))
    assert list(refused.value.errors)[:2] == ["a", "b"]
    assert len(refused.value.errors) == 100
    assert refused.value.total == 5002
