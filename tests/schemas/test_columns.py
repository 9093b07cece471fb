"""Columns are held to the rows of JSON: the same values give the same matrix, or the same errors."""

import json
import struct

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.contract import Contract, Feature
from inference.open_columns import texts_of
from schemas.cells import CellsError
from schemas.errors import InvalidInput
from schemas.reader import Reader
from schemas.row_validator import RowValidator
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


@settings(max_examples=60)
@given(columns=st.one_of(FITTING, COLUMNS), order=st.randoms())
def test_columns_of_every_kind_are_read_as_the_same_rows_in_json(columns, order):
    names = list(columns)
    order.shuffle(names)
    expected = of_json({name: values for name, (_, values) in columns.items()})
    for road, make in ROADS.items():
        given_columns = {name: make(*columns[name]) for name in names}
        assert as_values(outcome(READER.columns, given_columns)) == expected, road


def test_columns_that_fit_are_accepted_without_a_look_at_each_row(monkeypatch):
    monkeypatch.setattr(RowValidator, "load", lambda *_: pytest.fail("a row was looked at"))
    kinds = {"number": "float64", "integer": "int64", "boolean": "bool"}
    for make in ROADS.values():
        columns = {one.name: make(kinds.get(one.type, "string"), (GOOD[one.name] * 2)[:3]) for one in CONTRACT.features}
        assert READER.columns(columns).shape == (3, len(NAMES))


def test_a_missing_or_unknown_column_is_told_once(monkeypatch):
    columns = GOOD | {"more": ["x", "y"], "flag": [True, "yes"]}
    del columns["load"]
    errors, total = outcome(READER.columns, columns)
    assert errors == {
        "instances.0.load": ["Missing data for required field."],
        "instances.0.more": ["Unknown field."],
        "instances.1.flag": ["Must be true or false."],
    }
    assert total == 3


def test_more_errors_than_are_listed_are_counted():
    reader = Reader(CONTRACT, 1000)
    columns = {name: [values[0]] * 500 for name, values in GOOD.items()} | {"number": [-1.0] * 500, "load": [99] * 500}
    del columns["flag"]
    columns |= {f"more {number}": range(500) for number in range(150)}
    errors, total = outcome(reader.columns, columns)
    assert len(errors) == 100 and total == 2 * 500 + 1 + 150


def test_rows_are_judged_one_by_one_for_a_whole_file():
    columns = {name: values * 3 for name, values in GOOD.items()}
    columns["load"] = [-3, 99, 1.5, 10, None, 2**60]
    columns["place"] = ["here", "too long", "xy", "xy", "here", "a"]
    checked = READER.check_columns(columns)
    assert list(checked.errors) == [1, 2, 4, 5] and checked.total == 5
    assert set(checked.errors[1]) == {"load", "place"}
    place = NAMES.index("load")
    assert checked.matrix[[0, 3], place].tolist() == [-3, 10]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (np.float32([1.5, np.nan]), [1.5, None]),
        (np.float16([1.5, 2]), [1.5, 2]),
        (np.int8([1, -2]), [1, -2]),
        (np.uint64([1, 2]), [1, 2]),
        ([np.float64(1.5), float("nan")], [1.5, None]),
        (np.array([1, None], dtype=object), [1, None]),
        (pa.array([1.5, float("nan")]), [1.5, None]),
        (pa.array([None, None]), [None, None]),
        (pa.array([1, None], type="int8"), [1, None]),
        (pa.array([1, 2, 3, None], type="uint8")[2:], [3, None]),
        (pa.array([1.5, None, 1.5]).dictionary_encode()[1:], [None, 1.5]),
        (pa.array([1, 2], type="float16"), [1, 2]),
    ],
)
def test_narrower_numbers_and_nan_are_taken(column, expected):
    contract = Contract("regression", "y", (Feature("x", "number", nullable=True),))
    assert outcome(Reader(contract, 4).columns, {"x": column})[0] == [[value] for value in expected]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([[1.0], None]),
        pa.array([{"a": 1}, None]),
        pa.array([1, None], type=pa.decimal128(5)),
        pa.array([1, None], type=pa.timestamp("s")),
        pa.array([b"1", None]),
        pa.array([b"1", None]).dictionary_encode(),
        np.array(["2020-01-01", "NaT"], dtype="M8[D]"),
        np.array([1 + 2j, 1]),
        [..., None],
        [[1.0], {}],
        ["1.5", None],
        [True, None],
    ],
    ids=lambda column: str(getattr(column, "type", getattr(column, "dtype", column)))[:30],
)
def test_other_types_are_refused_in_the_words_of_json(column):
    contract = Contract("regression", "y", (Feature("x", "number"),))
    errors, _ = outcome(Reader(contract, 4).columns, {"x": column})
    assert errors["instances.0.x"] == ["Must be a number."]


def test_the_same_long_string_a_thousand_times_is_one_string():
    views = pa.array(["x" * 5_000] * 1_000, type="string_view").dictionary_encode()
    repeated = pa.DictionaryArray.from_arrays(views.indices, views.dictionary)
    contract = Contract("regression", "y", (Feature("x", "text"),))
    assert texts_of(Reader(contract, 1_000).columns({"x": repeated})) == {0: ["x" * 5_000]}


def test_views_that_overlap_into_far_more_than_they_hold_are_refused():
    held = pa.py_buffer(b"x" * 10_000)
    views = b"".join(struct.pack("<i4sii", 9_000, b"xxxx", 0, start) for start in range(1_000))
    column = pa.Array.from_buffers(pa.string_view(), 1_000, [None, pa.py_buffer(views), held])
    column.validate(full=True)
    contract = Contract("regression", "y", (Feature("x", "text"),))
    with pytest.raises(CellsError, match="overlap"):
        Reader(contract, 1_000).columns({"x": column})
