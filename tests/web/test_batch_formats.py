"""A batch over HTTP in every format that it may come in and be answered in."""

import io
import json
import sys

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet as pq

from inference.contract import Contract, Feature
from schemas import bodies
from schemas.bodies import ARROW, CSV, PARQUET
from schemas.errors import MalformedBody
from schemas.reader import Reader
from service.app import create_app
from service.settings import Settings
from service.web.parquet_process import PARQUET as PARQUET_PROCESS
from tests.conftest import ROOT

ROWS = [
    {"feature_1": x / 4, "feature_2": 1.2, "feature_3": -0.3, "feature_4": 75.5, "feature_5": 1 + x % 10}
    for x in range(-12, 12)
]
TABLE = pa.Table.from_pylist(ROWS)
JSON = "application/json"


def to_json(table):
    return json.dumps({"instances": table.to_pylist()}).encode()


def to_csv(table):
    lines = [table.column_names, *zip(*(column.to_pylist() for column in table.columns), strict=True)]
    return "\n".join(",".join("" if cell is None else str(cell) for cell in line) for line in lines).encode()


def to_arrow(table):
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def to_parquet(table):
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


WRITERS = {JSON: to_json, CSV: to_csv, ARROW: to_arrow, PARQUET: to_parquet}


def rows_of(answer):
    """The rows of an answer in any format, as those of JSON."""
    kind = answer.mimetype
    if kind == JSON:
        return answer.get_json()["predictions"]
    if kind == CSV:
        names, *lines = [line.split(",") for line in answer.get_data(as_text=True).removesuffix("\n").split("\n")]
        return [{name: json.loads(cell) for name, cell in zip(names, line, strict=True)} for line in lines]
    assert kind == ARROW
    return pa.ipc.open_stream(answer.data).read_all().to_pylist()


@pytest.fixture(scope="module", autouse=True)
def no_process_stays():
    yield
    PARQUET_PROCESS.close()


@pytest.fixture(scope="module")
def make_app(trained, tmp_path_factory):
    """A factory of clients for the whole module: each of them loads the model once."""

    def make(**settings):
        var = str(tmp_path_factory.mktemp("var"))
        given = {"ARTIFACTS_DIR": str(trained), "VAR_DIR": var, "RECORDS": "off"} | settings
        return create_app(Settings.read(given)).test_client()

    return make


@pytest.fixture(scope="module")
def client(make_app):
    return make_app()


@pytest.fixture(scope="module")
def small(make_app):
    return make_app(MAX_BODY_BYTES="1500", MAX_BATCH_ROWS="23")


def post(client, media_type, table=TABLE, accept=None, query="", body=None):
    headers = {"Content-Type": media_type} | ({"Accept": accept} if accept else {})
    data = WRITERS[media_type.partition(";")[0]](table) if body is None else body
    return client.post(f"/predict/batch{query}", data=data, headers=headers)


@pytest.mark.parametrize("accept", [None, CSV, ARROW])
@pytest.mark.parametrize("media_type", WRITERS)
def test_every_format_is_answered_in_every_format_with_the_same_predictions(client, media_type, accept):
    expected = rows_of(post(client, JSON))
    answer = post(client, media_type, accept=accept)
    assert answer.status_code == 200
    assert answer.mimetype == (accept or JSON)
    assert rows_of(answer) == expected
    assert answer.headers["X-Model-Version"] == "random_forest-1"
    assert (len(answer.headers.get("X-Prediction-ID", "")) == 36) == (accept is not None)


@pytest.mark.parametrize("accept", [CSV, ARROW])
def test_the_probability_of_each_class_has_a_column_when_asked_for(client, accept):
    answer = post(client, CSV, accept=accept, query="?probabilities=true")
    expected = post(client, JSON, query="?probabilities=true").get_json()
    for row, right in zip(rows_of(answer), expected["predictions"], strict=True):
        assert list(row) == ["prediction", "probability", "probability.0", "probability.1"]
        assert [row[f"probability.{label}"] for label in expected["classes"]] == right["probabilities"]
        assert row["probability"] == right["probability"]
    assert list(rows_of(post(client, CSV, accept=accept, query="?probabilities=false"))[0]) == [
        "prediction",
        "probability",
    ]
    assert post(client, CSV, accept=accept, query="?probabilities=x").status_code == 422


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", JSON),
        ("text/html, */*;q=0.5", JSON),
        ("application/json, text/csv", JSON),
        ("application/json;q=0.5, text/csv", CSV),
        ("text/csv;q=0.5, */*;q=0.1", CSV),
        (f"{ARROW}, {CSV};q=0.9", ARROW),
        ("image/png", JSON),
        (PARQUET, JSON),
        ("nonsense;;q=x", JSON),
        (f"{CSV};q=0", JSON),
        ("TEXT/CSV", CSV),
    ],
)
def test_an_answer_is_what_accept_prefers_and_json_where_it_cannot_be_met(client, accept, expected):
    assert post(client, JSON, accept=accept).mimetype == expected
    assert post(client, CSV, accept=accept).mimetype == expected


@pytest.mark.parametrize(
    "given",
    ["text/plain", "text/csv; charset=latin-1", "text/csv; header=absent", "application/vnd.apache.arrow.file", ""],
)
def test_other_content_types_are_415_and_told_which_are_taken(client, given):
    answer = post(client, given, body=to_csv(TABLE))
    assert answer.status_code == 415 and answer.content_type == "application/problem+json"
    assert all(media_type in answer.get_json(force=True)["detail"] for media_type in (JSON, *bodies.MEDIA_TYPES))


@pytest.mark.parametrize("given", ["text/csv;charset=UTF-8; header=present", "TEXT/CSV", "text/csv; charset=utf8"])
def test_csv_may_say_that_it_is_utf_8_with_a_header(client, given):
    assert post(client, given, body=to_csv(TABLE)).status_code == 200


def test_one_row_is_json_alone(client):
    answer = client.post("/predict", data=to_csv(TABLE.slice(0, 1)), headers={"Content-Type": CSV})
    assert answer.status_code == 415


@pytest.mark.parametrize("accept", [None, CSV, ARROW])
@pytest.mark.parametrize("media_type", WRITERS)
def test_errors_are_problems_with_the_same_words_in_every_format(client, media_type, accept):
    table = TABLE.set_column(4, "feature_5", pa.array([5] * 17 + [11] + [5] * 6))
    table = table.set_column(3, "feature_4", pa.array([1.5] * 20 + [None] + [-1.0] * 3))
    answer = post(client, media_type, table, accept=accept)
    assert answer.status_code == 422 and answer.content_type == "application/problem+json"
    document = answer.get_json(force=True)
    assert document["errors"] == {
        "instances.17.feature_5": ["Must be between 1 and 10."],
        "instances.20.feature_4": ["Field may not be null."],
        **{f"instances.{row}.feature_4": ["Must be between 0 and 100."] for row in (21, 22, 23)},
    }
    assert document["errors_total"] == 5


@pytest.mark.parametrize("media_type", [CSV, ARROW, PARQUET])
def test_the_limits_hold_in_every_format(client, small, media_type):
    long = WRITERS[media_type](pa.concat_tables([TABLE.append_column("more", pa.array(range(24)))] * 30))
    assert post(small, media_type, body=long).status_code == 413
    few = pa.table({"feature_1": np.zeros(24, dtype=np.int8)})
    answer = post(small, media_type, few)
    assert answer.get_json(force=True)["errors"] == {"instances": ["Must hold 1 to 23 rows."]}
    headers = {"Content-Type": media_type, "Content-Encoding": "gzip"}
    assert client.post("/predict/batch", data=WRITERS[media_type](TABLE), headers=headers).status_code == 415


@pytest.mark.parametrize("media_type", [ARROW, PARQUET])
def test_a_bomb_is_413_before_it_is_unpacked(small, media_type):
    table = pa.table({name: np.zeros(20) for name in ROWS[0]} | {"feature_1": ["z" * 100_000] * 20})
    sink = io.BytesIO()
    if media_type == ARROW:
        with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
            writer.write_table(table)
    else:
        pq.write_table(
            table.select(["feature_1"]), sink, use_dictionary=False, compression="zstd", write_statistics=False
        )
    assert len(sink.getvalue()) <= 1500
    most = pa.default_memory_pool().max_memory()
    answer = post(small, media_type, body=sink.getvalue())
    assert answer.status_code == 413
    assert "unpacks to more than 1500 bytes" in answer.get_json(force=True)["detail"]
    assert pa.default_memory_pool().max_memory() == most, "nothing was allocated"


def test_a_reader_of_parquet_that_has_ended_is_replaced(client):
    assert post(client, PARQUET).status_code == 200
    PARQUET_PROCESS._process.kill()
    PARQUET_PROCESS._process.wait()
    assert post(client, PARQUET).status_code == 200


def test_a_parquet_file_that_crashes_native_code_is_damaged_and_costs_no_worker(client):
    features = [Feature(name, "number") for name in ("x", "n", "z")]
    reader = Reader(Contract("regression", "y", (*features, Feature("c", "text"), Feature("b", "boolean"))), 10_000)
    crash = (ROOT / "tests/cases/crash.parquet").read_bytes()  # found by fuzzing: pyarrow 26.0.1 calls abort()
    with pytest.raises(MalformedBody, match="damaged"):
        PARQUET_PROCESS.read_columns(crash, reader, 2**20)
    assert post(client, PARQUET).status_code == 200, "the next file gets a new process"


def test_without_the_library_its_bodies_are_415_and_its_answers_json(client, monkeypatch):
    arrow = to_arrow(TABLE)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    bodies._reader_of.cache_clear()
    try:
        answer = post(client, ARROW, body=arrow)
        assert answer.status_code == 415 and "pyarrow is not installed" in answer.get_json(force=True)["detail"]
        assert post(client, JSON, accept=f"{ARROW}, text/csv;q=0.5").mimetype == JSON
        assert post(client, CSV, accept=CSV).status_code == 200
    finally:
        bodies._reader_of.cache_clear()


def test_a_named_version_and_query_hold_for_tables_too(client):
    assert post(client, CSV, query="?model_version=nobody-1").status_code == 404
    assert post(client, ARROW, query="?model_version=random_forest-1").status_code == 200
