"""Columns are held to the rows of JSON: the same values give the same matrix, or the same errors."""

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.open_columns import texts_of
from schemas.errors import InvalidInput
from schemas.reader import Reader
from tests.schemas.test_fast_path import CONTRACT, NAMES

READER = Reader(CONTRACT, 4)
GOOD = {
    "any number": [1.5, -2.0], "number": [0.0, 100.0], "nullable": [None, 3.0], "load": [-3, 10], "Meta": [5, None],
    "größe.in m": ["groß", ""], "fields": [None, "b"], "flag": [True, False], "maybe": [None, True],
    "note": ["abc", ""], "comment": [None, "any text"], "place": ["here", "xy"], "origin": ["new", None],
}  # fmt: skip
ROWS = [{name: values[row] for name, values in GOOD.items()} for row in (0, 1)]
WHOLE_NUMBERS = [-4, -3, 0, 1, 5, 10, 11, 2**53 - 1, 2**53, 2**53 + 1, -(2**53) - 1, 2**62]
FLOATS = [0.0, -0.0, 5.0, 1.9, 100.0, 100.00000000000001, 2.0**53, 2.0**53 + 2, 1e18, 1.1e18, 1e300]
STRINGS = ["klein", "groß", "", "a", "b", "here", "xy", "xyz", "é€𝄞", "é€𝄞x", "1", "true"]
CELLS = {
    "float64": st.one_of(st.none(), st.sampled_from(FLOATS), st.floats(allow_nan=False, allow_infinity=False)),
    "int64": st.one_of(st.none(), st.sampled_from(WHOLE_NUMBERS), st.integers(-12, 12)),
    "bool": st.one_of(st.none(), st.booleans()),
    "string": st.one_of(st.none(), st.sampled_from(STRINGS), st.text(st.characters(codec="utf-8"), max_size=4)),
}
VALUES = {kind: st.lists(cells, min_size=3, max_size=3) for kind, cells in CELLS.items()}
COLUMNS = st.fixed_dictionaries(
    {name: st.sampled_from(list(CELLS)).flatmap(lambda kind: st.tuples(st.just(kind), VALUES[kind])) for name in NAMES}
)
FITTING = st.fixed_dictionaries(
    {
        feature.name: VALUES[
            {"number": "float64", "integer": "int64", "boolean": "bool"}.get(feature.type, "string")
        ].map(
            lambda values, kind=feature.type: (
                {"number": "float64", "integer": "int64", "boolean": "bool"}.get(kind, "string"),
                values,
            )
        )
        for feature in CONTRACT.features
    }
)


def outcome(read, *given_to_it):
    try:
        matrix = read(*given_to_it)
    except InvalidInput as exc:
        return exc.errors, exc.total
    return [[None if np.isnan(cell) else cell for cell in row] for row in matrix.tolist()], texts_of(matrix)


def as_values(found):
    """A matrix with the strings in the place of their codes, which may come in another order."""
    rows, texts = found
    if not isinstance(texts, dict):
        return found
    for column, strings in texts.items():
        start = len(CONTRACT.features[column].choices or ())
        for row in rows:
            if row[column] is not None and row[column] >= start:
                row[column] = strings[int(row[column]) - start]
    return rows


def of_json(columns):
    rows = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    return as_values(outcome(READER.batch, json.dumps({"instances": rows}).encode()))


def numpy_column(kind, values):
    if kind == "string" or (None in values and kind != "float64"):
        return np.array(values, dtype=object)
    return np.array(values, dtype=kind)


ROADS = {
    "lists": lambda kind, values: values,
    "tuples": lambda kind, values: tuple(values),
    "numpy": numpy_column,
    "masked": lambda kind, values: np.ma.MaskedArray(
        np.array([0 if v is None else v for v in values], dtype="U8" if kind == "string" else kind),
        mask=[v is None for v in values],
    ) if kind != "string" else values,
    "arrow": lambda kind, values: pa.array(values, type=kind),
    "chunked": lambda kind, values: pa.chunked_array([values[:1], values[1:]], type=kind),
    "dictionary": lambda kind, values: pa.array(values, type=kind).dictionary_encode(),
    "dictionaries": lambda kind, values: pa.chunked_array(
        [pa.array(values[:2], type=kind).dictionary_encode(), pa.array(values[2:], type=kind).dictionary_encode()]
    ),
    "large": lambda kind, values: pa.array(values, type="large_string" if kind == "string" else kind),
    "views": lambda kind, values: pa.array(values, type="string_view" if kind == "string" else kind),
}  # fmt: skip


@pytest.mark.parametrize("road", ROADS)
@given(columns=st.one_of(FITTING, COLUMNS), order=st.randoms())
def test_columns_of_every_kind_are_read_as_the_same_rows_in_json(road, columns, order):
    names = list(columns)
    order.shuffle(names)
    given_columns = {name: ROADS[road](*columns[name]) for name in names}
    expected = of_json({name: values for name, (_, values) in columns.items()})
    assert as_values(outcome(READER.columns, given_columns)) == expected
