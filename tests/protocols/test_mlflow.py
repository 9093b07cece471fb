"""MLflow's scoring protocol: each form of /invocations, what is refused, and the routes of a container."""

import json
from io import BytesIO

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from service import __version__
from tests.protocols.conftest import NUMBERS, ROW

NAMES, VALUES = list(ROW), list(ROW.values())
OTHER = ROW | {"height": 2.5, "colour": "red"}
SPLIT = {"columns": NAMES, "data": [VALUES, list(OTHER.values())]}
COLUMNS = {name: [ROW[name], OTHER[name]] for name in NAMES}
FORMS = {
    "dataframe_split": {"dataframe_split": SPLIT},
    "dataframe_split with an index": {"dataframe_split": SPLIT | {"index": ["a", "b"]}},
    "dataframe_split in another order": {
        "dataframe_split": {"columns": NAMES[::-1], "data": [row[::-1] for row in SPLIT["data"]]}
    },
    "dataframe_records": {"dataframe_records": [ROW, OTHER]},
    "instances of objects": {"instances": [ROW, OTHER]},
    "instances of arrays": {"instances": SPLIT["data"]},
    "inputs of columns": {"inputs": COLUMNS},
    "inputs of columns of one value": {"inputs": {name: [[one] for one in values] for name, values in COLUMNS.items()}},
    "inputs of objects": {"inputs": [ROW, OTHER]},
    "inputs of arrays": {"inputs": SPLIT["data"]},
    "params beside it": {"inputs": COLUMNS, "params": {"any": 1}},
}  # fmt: skip


def refusal(answer, status=400):
    assert answer.status_code == status
    assert answer.content_type == "application/json"
    document = answer.get_json()
    assert list(document) == ["error_code", "message"]
    return document["message"]


@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_read_into_the_same_rows(ask, form):
    client, engine = ask()
    answer = client.post("/invocations", json=FORMS[form])
    assert answer.status_code == 200, answer.data
    assert answer.get_json() == {"predictions": ["a", "b"]}
    assert engine.asked[:, :4].tolist() == [[1.5, 3, 1, 0], [2.5, 3, 0, 0]]
    assert answer.headers["X-Model-Version"] == "m-1" and answer.headers["X-Prediction-ID"]


def test_an_object_of_single_values_is_one_row(ask):
    client, engine = ask()
    assert client.post("/invocations", json={"inputs": ROW}).get_json() == {"predictions": ["a"]}
    assert engine.asked[:, :4].tolist() == [[1.5, 3, 1, 0]]


def test_columns_that_are_numbered_are_named_by_their_number(ask):
    client, _ = ask(NUMBERS)
    split = {"columns": [0, 1], "data": [[1.5, 3]]}
    message = refusal(client.post("/invocations", json={"dataframe_split": split}))
    assert "instances.0.0: Unknown field." in message and "instances.0.height: Missing" in message


def test_a_regression_answers_numbers(ask):
    client, _ = ask(labels=(1.25, 2.5), regression=True)
    assert client.post("/invocations", json={"inputs": COLUMNS}).get_json() == {"predictions": [1.25, 2.5]}


@pytest.mark.parametrize("form", ["dataframe_split", "dataframe_records", "instances of arrays", "inputs of columns"])
def test_the_literal_nan_is_null(ask, form):
    client, engine = ask()
    body = json.dumps(FORMS[form]).replace("1.5", "NaN").replace("cold", 'NaN \\" NaN')
    assert "NaN" in body
    assert client.post("/invocations", data=body, content_type="application/json").status_code == 200
    assert np.isnan(engine.asked[0, 0]) and not np.isnan(engine.asked[1, 0])


@pytest.mark.parametrize("word", ["Infinity", "-Infinity", "-NaN", "nan", "NaN1", "xNaN", "1e400", "NaN}"])
def test_other_words_that_are_no_json_are_refused(ask, word):
    client, _ = ask()
    body = json.dumps(FORMS["dataframe_split"]).replace("1.5", word)
    assert "not valid JSON" in refusal(client.post("/invocations", data=body, content_type="application/json"))


def test_a_string_with_nan_stays_as_it_is(ask):
    client, engine = ask()
    rows = {"inputs": COLUMNS | {"note": ["NaN", 'a " NaN \\']}}
    body = json.dumps(rows).replace("2.5", "NaN")
    assert client.post("/invocations", data=body, content_type="application/json").status_code == 200
    assert np.isnan(engine.asked[1, 0])
    assert client.post("/invocations", data=b'{"a\\": NaN', content_type="application/json").status_code == 400


def test_a_key_that_only_some_records_have_is_null_in_the_others(ask):
    client, engine = ask()
    short = {name: value for name, value in OTHER.items() if name != "height"}
    assert client.post("/invocations", json={"dataframe_records": [ROW, short]}).status_code == 200
    assert np.isnan(engine.asked[1, 0])
    message = refusal(client.post("/invocations", json={"instances": [ROW, short]}))
    assert "instances.1.height: Missing data for required field." in message


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ([ROW], "$: Must be an object with exactly one of dataframe_split, dataframe_records, instances and inputs."),
        (ROW, "$: Must have exactly one of"),
        ({"inputs": COLUMNS, "instances": []}, "$: Must have exactly one of"),
        ({"inputs": COLUMNS, "signature_name": "x"}, "signature_name: Unknown field."),
        ({"dataframe_split": [VALUES]}, "dataframe_split: Must be an object"),
        ({"dataframe_split": {"data": [VALUES]}}, "dataframe_split.columns: Must be an array"),
        ({"dataframe_split": {"columns": NAMES}}, "dataframe_split.data: Must be an array"),
        ({"dataframe_split": SPLIT | {"names": 1}}, "dataframe_split.names: Unknown field."),
        ({"dataframe_split": SPLIT | {"columns": ["note"] * 5}}, "dataframe_split.columns: Each name"),
        ({"dataframe_split": SPLIT | {"data": [VALUES, [1]]}}, "instances.1: Must be an array of 5: height, rooms"),
        ({"dataframe_split": SPLIT | {"data": []}}, "dataframe_split.data: Must hold 1 to 10000 rows."),
        ({"dataframe_split": {"columns": NAMES[1:], "data": [VALUES[1:]]}}, "instances.0.height: Missing data"),
        ({"dataframe_split": {"columns": [*NAMES, "x"], "data": [[*VALUES, 1]]}}, "instances.0.x: Unknown field."),
        ({"dataframe_records": ROW}, "dataframe_records: Must be an array of rows."),
        ({"dataframe_records": []}, "dataframe_records: Must hold 1 to 10000 rows."),
        ({"dataframe_records": [ROW, 5]}, "instances.1: Must be an object."),
        ({"dataframe_records": [{}]}, "instances.0.height: Missing data for required field."),
        ({"dataframe_records": [ROW, ROW | {"x": 1}]}, "instances.0.x: Unknown field."),
        ({"dataframe_records": [ROW, ROW | {"height": 9}]}, "instances.1.height: Must be between 0 and 3."),
        ({"instances": 5}, "instances: Must be an array of rows."),
        ({"instances": [ROW, VALUES]}, "instances.1: Must be an object."),
        ({"instances": [VALUES, ROW]}, "instances.1: Must be an array of 5"),
        ({"instances": [1, 2]}, "instances.0: Must be an array of 5"),
        ({"inputs": {}}, "inputs: Must name the columns."),
        ({"inputs": {"x": [1]}}, "instances.0.x: Unknown field."),
        ({"inputs": COLUMNS | {"height": 1}}, "inputs.height: Must be an array."),
        ({"inputs": COLUMNS | {"height": [1]}}, "inputs: All columns must have the same number of rows."),
        ({"inputs": COLUMNS | {"height": [[1], [1, 2]]}}, "instances.0.height: Must be a number."),
        ({"inputs": COLUMNS | {"height": [[1, 2], [1, 2]]}}, "instances.0.height: Must be a number."),
        ({"inputs": COLUMNS | {"height": [True, 1]}}, "instances.0.height: Must be a number."),
        ({"inputs": COLUMNS | {"rooms": [2.5, 2**70]}}, "instances.0.rooms: Must be an integer."),
        ({"inputs": COLUMNS | {"note": [None, "x" * 21]}}, "instances.0.note: Field may not be null."),
    ],
)
def test_what_is_wrong_is_named(ask, body, key):
    client, _ = ask()
    answer = client.post("/invocations", data=json.dumps(body), content_type="application/json")
    assert key in refusal(answer)
    assert answer.get_json()["error_code"] == "BAD_REQUEST"


def test_a_hundred_errors_are_listed_and_all_are_counted(ask):
    client, _ = ask()
    rows = [ROW | {f"x{index}": 1} for index in range(5000)]
    message = refusal(client.post("/invocations", json={"dataframe_records": rows}))
    assert message.count("Unknown field.") == 100
    message = refusal(client.post("/invocations", json={"dataframe_records": [ROW | {"height": 9}] * 500}))
    assert "500 errors" in message and message.endswith(" And 400 more.")


def test_csv_has_a_header_line_and_any_order(ask):
    client, engine = ask()
    body = "rooms,height,owned,note,colour\n3,1.5,false,cold,blue\n3,,FALSE,cold,red\n"
    answer = client.post("/invocations", data=body, content_type="text/csv")
    assert answer.get_json() == {"predictions": ["a", "b"]}
    assert engine.asked[0, :4].tolist() == [1.5, 3, 1, 0] and np.isnan(engine.asked[1, 0])
    assert "instances.0.height: Missing" in refusal(client.post("/invocations", data="a\n1\n", content_type="text/csv"))


def test_parquet_is_taken(ask):
    client, engine = ask()
    file = BytesIO()
    parquet.write_table(pa.table(COLUMNS), file)
    answer = client.post("/invocations", data=file.getvalue(), content_type="application/vnd.apache.parquet")
    assert answer.get_json() == {"predictions": ["a", "b"]}
    assert engine.asked[:, :4].tolist() == [[1.5, 3, 1, 0], [2.5, 3, 0, 0]]


@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/octet-stream", "application/json; charset=latin1"]
)
def test_another_type_is_refused(ask, content_type):
    client, _ = ask()
    refusal(client.post("/invocations", data=json.dumps({"inputs": COLUMNS}), content_type=content_type), 415)


def test_a_loaded_version_can_be_asked_and_another_is_not_found(ask):
    client, _ = ask()
    assert client.post("/invocations?model_version=m-1", json={"inputs": COLUMNS}).status_code == 200
    answer = client.post("/invocations?model_version=m-2", json={"inputs": COLUMNS})
    refusal(answer, 404)
    assert answer.get_json()["error_code"] == "RESOURCE_DOES_NOT_EXIST"


def test_ping_is_readiness_without_a_body(ask):
    for ready, status in ((True, 200), (False, 503)):
        client, _ = ask(ready=ready)
        answer = client.get("/ping")
        assert (answer.status_code, answer.data) == (status, b"")
        assert ("Retry-After" in answer.headers) is not ready


def test_the_version_is_this_services_as_text(ask):
    client, _ = ask()
    answer = client.get("/version")
    assert (answer.data.decode(), answer.mimetype) == (__version__, "text/plain")


def test_another_method_is_told_in_mlflows_shape(ask):
    client, _ = ask()
    answer = client.get("/invocations")
    refusal(answer, 405)
    assert answer.headers["Allow"] == "OPTIONS, POST"
