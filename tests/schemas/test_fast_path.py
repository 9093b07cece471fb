"""The fast path is held to the schema: every body it accepts Marshmallow accepts, as the same matrix."""

import gc
import json
import math
import weakref

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from inference.contract import Contract, Feature
from inference.features import encode
from inference.open_columns import texts_of
from schemas.errors import InvalidInput, MalformedBody
from schemas.fast_path import FastPath
from schemas.field_rules import count_invalid, field_rules
from schemas.reader import Reader, parse, parse_exactly
from schemas.rows import in_order, row_schema

CONTRACT = Contract(
    "classification",
    "target",
    (
        Feature("any number", "number"),
        Feature("number", "number", minimum=0, maximum=100),
        Feature("nullable", "number", nullable=True),
        Feature("load", "integer", minimum=-3, maximum=10),
        Feature("Meta", "integer", choices=(1, 2, 5), nullable=True),
        Feature("größe.in m", "category", choices=("klein", "groß", "")),
        Feature("fields", "category", choices=("a", "b"), nullable=True),
        Feature("flag", "boolean"),
        Feature("maybe", "boolean", nullable=True),
        Feature("note", "text", maximum_length=3),
        Feature("comment", "text", nullable=True),
        Feature("place", "category", choices=("here", "a"), unseen="accept", maximum_length=2),
        Feature("origin", "category", choices=("a", "b"), unseen="accept", nullable=True),
    ),
    magnitude=1e18,
)
NAMES = CONTRACT.names
SCHEMA = row_schema(CONTRACT)()
RULES = field_rules(CONTRACT)
FAST_PATH = FastPath(CONTRACT, 4)

STRICT_TEXT = st.characters(codec="utf-8")
json_values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-12, 12),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, -0.0, 5.0, 1.9, 100, 100.0, 100.00000000000001, 2**53, 2**53 + 1, 1e18, 1.1e18, 1e300]),
    st.sampled_from(["klein", "groß", "", "a", "b", "1", "1.5", "true", "Klein", "é€𝄞", "é€𝄞x", "𝄞𝄞𝄞𝄞", "here"]),
    st.text(STRICT_TEXT, max_size=5),
    st.lists(st.integers(), max_size=1),
    st.dictionaries(st.text(max_size=1), st.integers(), max_size=1),
)
good_values = {
    "any number": st.floats(-1e18, 1e18) | st.integers(-(2**53), 2**53),
    "number": st.floats(0, 100) | st.integers(0, 100),
    "nullable": st.none() | st.floats(-1e18, 1e18),
    "load": st.integers(-3, 10) | st.integers(-3, 10).map(float),
    "Meta": st.sampled_from([1, 2, 5, None]),
    "größe.in m": st.sampled_from(["klein", "groß", ""]),
    "fields": st.sampled_from(["a", "b", None]),
    "flag": st.booleans(),
    "maybe": st.sampled_from([True, False, None]),
    "note": st.text(STRICT_TEXT, max_size=3),
    "comment": st.none() | st.text(STRICT_TEXT, max_size=8),
    "place": st.sampled_from(["here", "a"]) | st.text(STRICT_TEXT, max_size=4),
    "origin": st.sampled_from(["a", "b", None]) | st.text(STRICT_TEXT, max_size=4),
}
STRINGS = {"note": "", "comment": None, "place": "a", "origin": "never seen"}
good_rows = st.fixed_dictionaries(good_values)


@st.composite
def nearly_good_rows(draw):
    row = draw(good_rows)
    for name in draw(st.lists(st.sampled_from(NAMES), max_size=2)):
        if draw(st.booleans()):
            row[name] = draw(json_values)
        else:
            row.pop(name, None)
    if draw(st.booleans()) and draw(st.booleans()):
        row[draw(st.sampled_from(["more", "feature_at_0", "_schema"]))] = 1
    return row


def _as_json(rows):
    return orjson.loads(orjson.dumps(rows, option=orjson.OPT_PASSTHROUGH_SUBCLASS))


def _by_marshmallow(*rows):
    try:
        return encode(CONTRACT, [in_order(SCHEMA.load(row)) for row in rows])
    except ValidationError:
        return None


def _assert_same(matrix, expected):
    """The same codes, and the same strings behind them."""
    np.testing.assert_array_equal(matrix, expected)
    assert texts_of(matrix) == texts_of(expected)


@given(nearly_good_rows())
def test_a_row_the_fast_path_accepts_is_accepted_by_the_schema_with_the_same_values(row):
    matrix = FAST_PATH.row(_strict(row))
    if matrix is not None:
        _assert_same(matrix, _by_marshmallow(row))


@given(st.lists(nearly_good_rows(), min_size=1, max_size=4))
def test_a_batch_the_fast_path_accepts_is_accepted_row_by_row(rows):
    matrix = FAST_PATH.batch(_strict({"instances": rows}))
    if matrix is not None:
        _assert_same(matrix, _by_marshmallow(*rows))


def _by_schema(contract, body):
    """The matrix of a row's bytes by strict JSON and Marshmallow alone."""
    try:
        return encode(contract, [in_order(row_schema(contract)().load(parse_exactly(body, parse(body))))])
    except (MalformedBody, ValidationError):
        return None


ONE_NUMBER = Contract("regression", "y", (Feature("x", "number"),))
NUMBER_FAST_PATH = FastPath(ONE_NUMBER, 1)
digits = st.text("0123456789", max_size=25)


@given(
    st.builds(
        "{}{}{}{}{}".format,
        st.sampled_from(["", "-", "+", " ", "--"]),
        digits | st.sampled_from(["0", "1", "00", "9007199254740993", "NaN", "Infinity", "0x1"]),
        st.sampled_from(["", ".", ".5"]) | digits.map(".{}".format),
        st.sampled_from(["", "e", "E+", "e5", "e-5", "E308", "e309", "e-320", "e-400", "e+17"]),
        st.sampled_from(["", " ", "]", "_0", "f"]),
    )
)
def test_a_number_is_what_a_strict_parser_reads_to_the_last_bit(literal):
    body = b'{"x":' + literal.encode() + b"}"
    matrix = NUMBER_FAST_PATH.row(body)
    if matrix is not None:
        assert matrix.tobytes() == _by_schema(ONE_NUMBER, body).tobytes()


@given(good_rows, st.data())
def test_a_damaged_body_is_accepted_only_where_it_is_json_still_and_means_the_same(row, data):
    body = bytearray(_strict(row) if data.draw(st.booleans()) else orjson.dumps(row))
    place = data.draw(st.integers(0, len(body) - 1))
    body[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=2) | st.sampled_from(STRANGE))
    matrix = FAST_PATH.row(bytes(body))
    if matrix is not None:
        _assert_same(matrix, _by_schema(CONTRACT, bytes(body)))


STRANGE = [
    b",",
    b'"',
    b"}",
    b'{"',
    b"\\u0000",
    b"\\ud800",
    b"\xff",
    b"\xef\xbb\xbf",
    b"//",
    b"\x00",
    b"\x0b",
    b"1e999",
    b"-",
]


@pytest.mark.parametrize(
    "feature",
    [
        Feature("x", "category", choices=(1, 2)),
        Feature("x", "category", choices=("a", "a", 1), nullable=True),
        Feature("x", "category", choices=("a", 1), unseen="accept", nullable=True),
        Feature("x", "text", maximum_length=1),
        Feature("x", "integer", choices=(1, 5, 2**60), maximum=4),
        Feature("x", "number", choices=(0.5, 1)),
        Feature("x", "integer", choices=("a",)),
        Feature("x", "boolean", choices=(0, 1)),
        Feature("x", "number", minimum=1e16, maximum=1e17),
    ],
)
def test_a_contract_that_training_would_not_write_is_read_as_its_schema_says(feature):
    contract = Contract("regression", "y", (feature,))
    fast_path = FastPath(contract, 1)
    for value in (None, True, 0, 1, 1.0, 0.5, 2, 5, 2**60, 2e16, "a", "1"):
        body = _strict({"x": value})
        if (matrix := fast_path.row(body)) is not None:
            np.testing.assert_array_equal(matrix, _by_schema(contract, body))


def test_nothing_of_a_contract_is_kept_once_its_reader_is_gone():
    choices = tuple(f"choice {number} of a model that was replaced" for number in range(3))
    reader = Reader(Contract("regression", "y", (Feature("a", "category", choices=choices, nullable=True),)), 3)
    assert reader.batch(_strict({"instances": [{"a": choices[1]}]})).tolist() == [[1.0]]
    row = reader._fast_path._row.type
    watched = [weakref.ref(one) for one in (reader, row, row.__annotations__["feature_at_0"])]
    del reader, row
    gc.collect()
    assert [one() for one in watched] == [None] * 3


@pytest.mark.parametrize(
    "name", ['size ("inch")', "a\\b", "tab\there", "line\nbreak", "\x1f", "", "\x7f", "feature_at_0"]
)
def test_a_feature_may_have_any_name(name):
    reader = Reader(Contract("regression", "y", (Feature(name, "number"),)), 3)
    assert reader.row(_strict({name: 1.5})).tolist() == [[1.5]]
    assert reader.batch(_strict({"instances": [{name: 1.5}, {name: 2}]})).tolist() == [[1.5], [2.0]]
    if name != "feature_at_0":
        with pytest.raises(InvalidInput):
            reader.row(_strict({"feature_at_0": 1.5}))


@given(nearly_good_rows())
def test_invalid_fields_are_counted_as_the_schema_refuses_them(row):
    assert count_invalid(RULES, row) == len(SCHEMA.validate(row))


@given(good_rows)
def test_an_ordinary_row_never_needs_the_schema(row):
    numbers = [value for value in row.values() if type(value) in (int, float)]
    if all(abs(value) < 2**53 for value in numbers) and type(row["Meta"]) is not float:
        assert FAST_PATH.row(_strict(row)) is not None
        assert FAST_PATH.batch(_strict({"instances": [row, row]})) is not None


@given(st.lists(nearly_good_rows(), min_size=1, max_size=5))
def test_errors_total_counts_every_invalid_field_of_every_row(rows):
    reader = Reader(CONTRACT, 10)
    expected = {f"instances.{i}.{name}" for i, row in enumerate(rows) for name in SCHEMA.validate(row)}
    body = _strict({"instances": rows})
    if expected:
        with pytest.raises(InvalidInput) as refused:
            reader.batch(body)
        assert set(refused.value.errors) == expected
        assert refused.value.total == len(expected)
    else:
        assert len(reader.batch(body)) == len(rows)


def _strict(document):
    return json.dumps(document).encode()


def test_errors_beyond_a_hundred_are_counted_and_not_listed():
    reader = Reader(CONTRACT, 1000)
    body = _strict({"instances": [{"number": 1}, *({"more": index} for index in range(150))]})
    with pytest.raises(InvalidInput) as refused:
        reader.batch(body)
    assert len(refused.value.errors) == 100
    assert refused.value.total == (len(NAMES) - 1) + 150 * (len(NAMES) + 1)


@pytest.mark.parametrize(
    "literal", ["9007199254740993", "18446744073709551617", "-18446744073709551617", "1" + "0" * 30]
)
def test_an_integer_that_a_double_would_round_is_refused_even_beyond_64_bits(literal):
    row = {"any number": 1, "number": 1, "nullable": None, "load": 1, "Meta": 1}
    row |= {"größe.in m": "klein", "fields": "a", "flag": True, "maybe": None} | STRINGS
    body = _strict(row).replace(b'"any number": 1', b'"any number": ' + literal.encode())
    reader = Reader(CONTRACT, 1)
    with pytest.raises(InvalidInput) as refused:
        reader.row(body)
    assert list(refused.value.errors) == ["any number"]
    with pytest.raises(InvalidInput) as refused:
        reader.batch(b'{"instances": [' + body + b"]}")
    assert list(refused.value.errors) == ["instances.0.any number"]


@given(st.lists(good_rows, min_size=1, max_size=4), st.randoms())
def test_the_order_of_a_rows_names_says_nothing(rows, draw):
    shuffled = [dict(draw.sample(list(row.items()), len(row))) for row in rows]
    reader = Reader(CONTRACT, 10)
    as_they_come, as_declared = (reader.batch(_strict({"instances": some})) for some in (shuffled, rows))
    _assert_same(as_they_come, as_declared)


def test_a_large_number_written_as_a_decimal_is_accepted():
    row = {"any number": 1e17, "number": 1, "nullable": 2.5e17, "load": 1, "Meta": None}
    row |= {"größe.in m": "", "fields": None, "flag": True, "maybe": None} | STRINGS
    matrix = Reader(CONTRACT, 1).row(_strict(row))
    assert matrix[0, 0] == 1e17
    assert math.isnan(matrix[0, 4])


def test_a_features_name_stands_verbatim_in_errors_and_a_long_unknown_one_is_cut():
    long = "a measurement " * 12
    reader = Reader(Contract("regression", "y", (Feature(long, "number"),)), 10)
    with pytest.raises(InvalidInput) as refused:
        reader.batch(orjson.dumps({"instances": [{long: "x", "z" * 5000: 1}]}))
    known, unknown = sorted(refused.value.errors)
    assert known == f"instances.0.{long}"
    assert unknown == f"instances.0.{'z' * 128}..."
