"""The line format: the values of a row come back as the client sent them."""

import orjson
from hypothesis import given
from hypothesis import strategies as st

from inference.contract import Contract, Feature
from inference.features import encode
from service.records.spool.codec import KnownModel, encode_model, encode_record, read_record
from service.records.spool.decoder import Decoder
from tests.records.conftest import CONTRACT, make_record

ROWS = st.lists(
    st.tuples(
        st.floats(-1e300, 1e300),
        st.integers(-(2**53), 2**53),
        st.sampled_from(["Köln", "Paris", None]),
        st.booleans(),
    ),
    min_size=1,
    max_size=5,
)


@given(rows=ROWS)
def test_rows_come_back_as_the_values_they_were(rows):
    record = make_record(len(rows), rows=encode(CONTRACT, rows))
    decoder = Decoder(KnownModel.read(encode_model(record)))
    found = list(decoder.rows(orjson.loads(encode_record(record))))
    values = [tuple(orjson.loads(row.features).values()) for row in found]
    assert values == [tuple(row) for row in rows]
    assert [type(value) for row in values for value in row] == [type(value) for row in rows for value in row]
    assert [row.prediction for row in found] == record.answers.predictions
    assert [row.row_index for row in found] == list(range(len(rows)))


def test_a_model_without_probabilities_has_none_in_its_rows():
    record = make_record(2)
    record.answers = type(record.answers)([1.5, float("nan")], None, None)
    decoder = Decoder(KnownModel.read(encode_model(record)))
    found = list(decoder.rows(orjson.loads(encode_record(record))))
    assert [(row.prediction, row.probability, row.probabilities) for row in found] == [
        (1.5, None, None),
        (None, None, None),
    ]


OPEN = Contract(
    "classification",
    "y",
    (
        Feature("review", "text", nullable=True),
        Feature("city", "category", choices=("Oslo", "Rome"), unseen="accept"),
        Feature("age", "number"),
    ),
)
ANY_TEXT = st.text(st.characters(codec="utf-8"), max_size=5)


def _through_a_line(rows, redacted=()):
    record = make_record(len(rows), rows=encode(OPEN, rows))
    record.contract = OPEN
    line = encode_record(record, redacted)
    decoder = Decoder(KnownModel.read(encode_model(record)))
    return [list(orjson.loads(row.features).values()) for row in decoder.rows(read_record(line))], line


@given(
    st.lists(
        st.tuples(st.none() | ANY_TEXT, st.sampled_from(["Oslo", "Rome"]) | ANY_TEXT, st.floats(-9, 9)).map(list),
        min_size=1,
        max_size=4,
    )
)
def test_texts_and_unseen_categories_come_back_as_they_were(rows):
    assert _through_a_line(rows)[0] == rows


def test_a_text_that_is_redacted_is_on_no_line():
    found, line = _through_a_line([["a secret", "Paris", 1.0], [None, "Oslo", 2.0]], [0, 1])
    assert found == [[None, None, 1.0], [None, None, 2.0]]
    assert b"secret" not in line and b"Paris" not in line


def test_a_record_without_unlisted_strings_has_the_line_of_the_release_before():
    assert b"texts" not in _through_a_line([[None, "Oslo", 1.0]])[1]
