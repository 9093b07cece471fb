"""The line format: the values of a row come back as the client sent them."""

import orjson
from hypothesis import given
from hypothesis import strategies as st

from inference.features import encode
from service.records.spool.codec import Decoder, KnownModel, encode_model, encode_record
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
