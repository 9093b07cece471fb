"""Strings that the contract does not list: their codes, what carries them, and what a graph is given."""

import numpy as np

from inference.contract import Contract, Feature
from inference.features import decode, encode
from inference.open_columns import for_graph, key_of, texts_of, unseen_rows

CONTRACT = Contract(
    "regression",
    "y",
    (
        Feature("review", "text", nullable=True),
        Feature("age", "number"),
        Feature("city", "category", choices=("Oslo", "Rome"), unseen="accept", nullable=True),
    ),
)
ROWS = [["good", 1.0, "Rome"], [None, 2.0, "Bern"], ["bad", 3.0, None], ["good", 4.0, "Turin"], ["", 5.0, "Bern"]]
DTYPES = {"review": "object", "age": "float64", "city": "str"}


def _values(matrix):
    frame = decode(CONTRACT, DTYPES, matrix).astype(object)
    return frame.where(frame.notna(), None).values.tolist()


def test_every_string_reaches_the_pipelines_frame_as_it_came():
    assert _values(encode(CONTRACT, ROWS)) == ROWS


def test_selected_copied_and_reordered_rows_keep_their_strings():
    matrix = encode(CONTRACT, ROWS)
    assert _values(matrix[[3, 0]].copy()) == [ROWS[3], ROWS[0]]
    assert _values(matrix[1:3]) == ROWS[1:3]


def test_a_graph_is_given_one_code_for_all_unseen_values_and_a_plain_array():
    given = for_graph(encode(CONTRACT, ROWS))
    assert type(given) is np.ndarray
    np.testing.assert_array_equal(given[:, 2], [1, 2, np.nan, 2, 2])


def test_unseen_values_are_counted_by_feature_and_texts_are_not():
    assert list(unseen_rows(CONTRACT, encode(CONTRACT, ROWS))) == [("city", 3)]


def test_rows_of_other_strings_have_other_keys_and_equal_rows_have_the_same():
    one, same, other = (encode(CONTRACT, [[text, 1.0, "Rome"]]) for text in ("good", "good", "bad"))
    assert key_of(one) == key_of(same)
    assert key_of(one) != key_of(other)


def test_a_matrix_without_unlisted_strings_is_a_plain_array():
    matrix = encode(CONTRACT, [[None, 1.0, "Rome"]])
    assert type(matrix) is np.ndarray
    assert texts_of(matrix) == {}
