"""Every format of a batch is the same rows: the same matrix, or the same errors, as in JSON."""

import csv
import io
import json
import subprocess
import sys

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from inference.contract import Contract, Feature
from schemas import bodies
from schemas.bodies import read_table
from schemas.errors import BodyTooLarge, InvalidInput, MalformedBody, UnsupportedMediaType
from schemas.reader import Reader
from tests.schemas.test_columns import COLUMNS, FITTING, GOOD, READER, as_values, of_json, outcome

MOST = 2**20
CONTRACT = Contract(
    "classification",
    "target",
    (
        Feature("x", "number", nullable=True),
        Feature("n", "integer", minimum=0, maximum=10),
        Feature("c", "category", choices=("a", "b"), nullable=True),
        Feature("b", "boolean"),
        Feature("t", "text", nullable=True, maximum_length=200_000),
    ),
)
SMALL = Reader(CONTRACT, 50)
HEADER = b"x,n,c,b,t\n"


def as_csv(columns):
    text = io.StringIO()
    cells = zip(*([None if v is None else _cell(v) for v in values] for values in columns.values()), strict=True)
    csv.writer(text).writerows([list(columns), *cells])
    return text.getvalue().encode()


def _cell(value):
    return json.dumps(value) if type(value) is bool else str(value)


def as_table(columns, kinds=None):
    return pa.table({name: pa.array(values, type=kinds and kinds[name]) for name, values in columns.items()})


def as_arrow(table, **options):
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=2)
    return sink.getvalue()


def as_parquet(table, **options):
    sink = io.BytesIO()
    parquet.write_table(table, sink, **options)
    return sink.getvalue()


def read(kind, body, reader=SMALL, most=MOST):
    return as_values(outcome(read_table, kind, reader, body, most)) if reader is READER else read_table(
        kind, reader, body, most
    )  # fmt: skip


@settings(max_examples=60)
@given(columns=st.one_of(FITTING, COLUMNS), order=st.randoms())
def test_every_format_is_read_as_the_same_rows_in_json(columns, order):
    names = list(columns)
    order.shuffle(names)
    expected = of_json({name: values for name, (_, values) in columns.items()})
    table = as_table({name: columns[name][1] for name in names}, {name: columns[name][0] for name in names})
    assert read("arrow", as_arrow(table), READER) == expected
    assert read("arrow", as_arrow(table, compression="zstd"), READER) == expected
    assert read("parquet", as_parquet(table, row_group_size=2), READER) == expected
    assert read("parquet", as_parquet(table, use_dictionary=False, data_page_version="2.0"), READER) == expected


@settings(max_examples=60)
@given(columns=FITTING, order=st.randoms())
def test_csv_is_read_as_the_same_rows_in_json(columns, order):
    names = list(columns)
    order.shuffle(names)
    given_values = {name: [None if value == "" else value for value in columns[name][1]] for name in names}
    assert read("csv", as_csv(given_values), READER) == of_json({name: given_values[name] for name in columns})


CELLS = {
    "x": [("1.5", 1.5), ("-1e3", -1000), ("+2", 2), (".5", 0.5), ("", None), ("5.", 5)],
    "n": [("7", 7), ("7.0", 7), ("007", 7)],
    "c": [("a", "a"), ("", None), ('"b"', "b")],
    "b": [("true", True), ("FALSE", False), ("True", True), ("fALSE", False)],
    "t": [
        ("null", "null"),
        ("NaN", "NaN"),
        (" x ", " x "),
        ('"a,""b""\r\nc"', 'a,"b"\r\nc'),
        ("a\0b", "a\0b"),
        ("é", "é"),
    ],
}
REFUSED = {
    "x": ["NaN", "nan", "inf", "-Infinity", "1_000", " 1", "1 ", "0x10", "١", "1,5", "null", "NA", "true", "1e400"],
    "n": ["1.9", "11", "9007199254740993", "9" * 400, "9" * 500, "", "true", "-0.5"],
    "c": ["A", "c", "null", " a"],
    "b": ["1", "0", "yes", "T", "", "TRUE "],
    "t": ["x" * 200_001],
}  # fmt: skip
VALID = {"x": "1", "n": "1", "c": "a", "b": "true", "t": "x"}


def line(**cells):
    found = VALID | cells
    return ",".join('"' + cell + '"' if "," in cell and cell[:1] != '"' else cell for cell in found.values()) + "\n"


@pytest.mark.parametrize(("name", "cell", "value"), [(name, *one) for name, some in CELLS.items() for one in some])
def test_a_cell_of_csv_is_read_by_its_features_type(name, cell, value):
    found = read("csv", HEADER + line(**{name: cell}).encode())
    plain = {"x": 1.0, "n": 1, "c": "a", "b": True, "t": "x"} | {name: value}
    expected = SMALL.batch(json.dumps({"instances": [plain]}).encode())
    assert repr(found) == repr(expected) and getattr(found, "unlisted", 0) == getattr(expected, "unlisted", 0)


@pytest.mark.parametrize(("name", "cell"), [(name, cell) for name, cells in REFUSED.items() for cell in cells])
def test_a_cell_of_csv_that_is_none_of_its_features_values_is_refused_by_name(name, cell):
    with pytest.raises(InvalidInput) as refused:
        read("csv", HEADER + line().encode() + line(**{name: cell}).encode())
    assert list(refused.value.errors) == [f"instances.1.{name}"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
def test_csv_may_have_any_line_end_and_a_byte_order_mark(start, end):
    body = (HEADER.decode() + line() * 3).replace("\n", end)
    assert read("csv", start + body.encode()).shape == (3, 5)
    assert read("csv", start + body.removesuffix(end).encode()).shape == (3, 5)
    assert read("csv", start + (body + end * 3).encode()).shape == (3, 5), "empty lines at the end are none"


def test_an_empty_line_is_an_empty_cell_where_there_is_one_column():
    reader = Reader(Contract("regression", "y", (Feature("x", "number", nullable=True),)), 5)
    assert repr(read("csv", b"x\n1\n\n2\n", reader).tolist()) == "[[1.0], [nan], [2.0]]"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "no header line"),
        (b"\xef\xbb\xbf", "no header line"),
        (b"\nx,n\n", "no header line"),
        (HEADER + b"1,1,a,true\n", "Row 0 .*line 2.* 4 cells, and the header has 5"),
        (HEADER + line().encode() + b"1,1,a,true,x,y\n", "Row 1 .*line 3.* 6 cells"),
        (HEADER + line().encode() + b"\n" + line().encode(), "Row 1 .*line 3.* 0 cells"),
        (HEADER + b'1,1,a,true,"x\n', "line 2, row 0"),
        (HEADER + b'1,1,a,true,"x"y\n', "line 2, row 0"),
        (HEADER + b"1,1,a,true," + b"," * 5_000 + b"\n", "cells"),
        (HEADER + b"1,1,a,true,\xff\n", "not valid UTF-8 at byte 21"),
        ((HEADER.decode() + line()).encode("utf-16"), "not valid UTF-8 at byte 0"),
        (b"," * 20_000 + b"\n", "more than 10005 columns"),
    ],
)
def test_what_is_no_csv_is_refused_with_its_place(body, said):
    with pytest.raises(MalformedBody, match=said):
        read("csv", body)


TABLE = as_table({"x": [1.5, None], "n": [1, 2], "c": ["a", None], "b": [True, False], "t": ["x", "y" * 50]})
WRITERS = {
    "csv": lambda table: as_csv(dict(zip(table.column_names, (c.to_pylist() for c in table.columns), strict=True))),
    "arrow": as_arrow,
    "parquet": as_parquet,
}


@pytest.mark.parametrize("kind", WRITERS)
class TestEveryKind:
    def body(self, kind, table):
        return WRITERS[kind](table)

    def refused(self, kind, table, reader=SMALL):
        with pytest.raises(InvalidInput) as refused:
            read(kind, self.body(kind, table), reader)
        return refused.value.errors

    def test_columns_come_by_name_in_any_order(self, kind):
        table = TABLE.select(["t", "b", "x", "c", "n"])
        assert repr(read(kind, self.body(kind, table))) == repr(read(kind, self.body(kind, TABLE)))

    def test_missing_and_unknown_columns_are_told_once(self, kind):
        table = TABLE.drop_columns(["n"]).append_column("z", pa.array(["1", "2"])).append_column("", pa.array([1, 2]))
        errors = self.refused(kind, table)
        assert errors == {
            "instances.0.n": ["Missing data for required field."],
            "instances.0.z": ["Unknown field."],
            "instances.0.": ["Unknown field."],
        }

    def test_none_of_the_columns_is_known(self, kind):
        errors = self.refused(kind, pa.table({"z": [1, 2]}))
        assert set(errors) == {f"instances.0.{name}" for name in ("x", "n", "c", "b", "t", "z")}

    def test_a_name_that_comes_twice_is_refused(self, kind):
        table = pa.Table.from_arrays([*TABLE.columns, TABLE["x"]], names=[*TABLE.column_names, "x"])
        twice = HEADER[:-1] + b",x\n" + line().encode()[:-1] + b",1\n"
        body = twice if kind == "csv" else self.body(kind, table)
        with pytest.raises(InvalidInput) as refused:
            read(kind, body)
        assert list(refused.value.errors) == ["instances.0.x"]

    def test_there_must_be_rows_but_not_too_many(self, kind):
        assert self.refused(kind, TABLE.slice(0, 0)) == {"instances": ["Must hold 1 to 50 rows."]}
        assert self.refused(kind, pa.concat_tables([TABLE] * 26)) == {"instances": ["Must hold 1 to 50 rows."]}
        assert read(kind, self.body(kind, pa.concat_tables([TABLE] * 25))).shape == (50, 5)

    def test_thousands_of_columns_are_refused_before_each_is_read(self, kind):
        table = pa.table({f"z{number}": [1] for number in range(10_100)})
        with pytest.raises(MalformedBody, match="more than 10005 columns"):
            read(kind, self.body(kind, table))


@pytest.mark.parametrize("kind", ["arrow", "parquet"])
class TestBinaryKinds:
    def test_any_bytes_that_are_cut_short_are_refused(self, kind):
        body = WRITERS[kind](TABLE)
        for length in range(0, len(body) - 8, 7):  # an Arrow stream may lack its end mark
            with pytest.raises((MalformedBody, InvalidInput)):
                read(kind, body[:length])

    @pytest.mark.parametrize(
        "body", [b"", b"x", b'{"instances": []}', b"\0" * 64, b"\xff" * 64, b"PAR1PAR1", b"ARROW1\0\0"]
    )
    def test_other_bytes_are_refused(self, kind, body):
        with pytest.raises((MalformedBody, InvalidInput)):
            read(kind, body)

    @pytest.mark.parametrize("compression", ["zstd", "lz4"])
    def test_what_would_unpack_to_more_than_a_body_may_have_is_refused(self, kind, compression):
        table = as_table({"x": [1.0] * 2, "n": [1] * 2, "c": ["a"] * 2, "b": [True] * 2, "t": ["z" * 60_000] * 2})
        body = (
            as_arrow(table, compression=compression) if kind == "arrow" else as_parquet(table, compression=compression)
        )
        assert len(body) < 10_000
        assert read(kind, body).shape == (2, 5)
        with pytest.raises(BodyTooLarge, match="unpacks to more than 50000 bytes"):
            read(kind, body, SMALL, 50_000)

    def test_nested_and_odd_columns_are_refused_by_name(self, kind):
        odd = {"x": pa.array([[1.0], [2.0]]), "n": pa.array([{"a": 1}, {"a": 2}]), "c": pa.array([b"a", b"b"])}
        odd |= {"b": pa.array([0, 1]), "t": pa.array([1, 2], type=pa.timestamp("s"))}
        with pytest.raises(InvalidInput) as refused:
            read(kind, WRITERS[kind](pa.table(odd)))
        assert {key: messages for key, messages in refused.value.errors.items() if key.startswith("instances.0")} == {
            "instances.0.x": ["Must be a number."],
            "instances.0.n": ["Must be an integer."],
            "instances.0.c": ["Must be a string."],
            "instances.0.b": ["Must be true or false."],
            "instances.0.t": ["Must be a string."],
        }

    def test_a_library_that_is_not_installed_is_named(self, kind, monkeypatch):
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        bodies._reader_of.cache_clear()
        try:
            with pytest.raises(UnsupportedMediaType, match=r"pyarrow is not installed .*Send JSON or CSV"):
                read(kind, WRITERS["csv"](TABLE))
            assert not bodies.is_installed(kind)
            assert read("csv", WRITERS["csv"](TABLE)).shape == (2, 5)
        finally:
            bodies._reader_of.cache_clear()


def test_an_arrow_file_is_told_from_a_stream():
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, TABLE.schema) as writer:
        writer.write_table(TABLE)
    with pytest.raises(MalformedBody, match="an Arrow file, not a stream"):
        read("arrow", sink.getvalue())


def test_many_tiny_record_batches_are_refused():
    batch = TABLE.to_batches()[0].slice(0, 0)
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        for _ in range(1_001):
            writer.write_batch(batch)
    with pytest.raises(MalformedBody, match="more than 1000 record batches"):
        read("arrow", sink.getvalue())


def test_a_parquet_file_of_delta_encoded_strings_is_refused():
    body = as_parquet(TABLE, use_dictionary=False, column_encoding={"t": "DELTA_BYTE_ARRAY"})
    with pytest.raises(MalformedBody, match="delta encoding of strings"):
        read("parquet", body)


def test_parquet_of_many_row_groups_is_refused():
    table = pa.concat_tables([TABLE] * 60)
    with pytest.raises(MalformedBody, match="more than 100 row groups"):
        read("parquet", as_parquet(table, row_group_size=1), Reader(CONTRACT, 1_000))


def test_csv_needs_no_library_and_nothing_is_imported_before_it_is_needed():
    code = (
        "import sys; from schemas.bodies import read_table; from schemas.reader import Reader\n"
        "from inference.contract import Contract, Feature\n"
        "reader = Reader(Contract('regression', 'y', (Feature('x', 'number'),)), 5)\n"
        "assert read_table('csv', reader, b'x\\n1\\n', 100).tolist() == [[1.0]]\n"
        "assert not {'pyarrow', 'pandas'} & set(sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_what_fits_in_one_format_fits_in_all():
    columns = {name: list(values) for name, values in GOOD.items()}
    columns["größe.in m"] = ["groß", "klein"]
    columns["note"] = ["abc", "x"]
    table = as_table(columns)
    assert read("arrow", as_arrow(table), READER) == read("parquet", as_parquet(table), READER)
    assert read("csv", as_csv(columns), READER) == of_json(columns)
