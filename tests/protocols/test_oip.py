"""The Open Inference Protocol V2: inputs of every datatype, outputs of every kind of label, and what is refused."""

import json
import struct

import numpy as np
import pytest

from tests.protocols.conftest import KINDS, NUMBERS, ROW
from tests.protocols.oip.framing import from_bytes, to_bytes

INFER = "/v2/models/model/infer"
LENGTH = "Inference-Header-Content-Length"
TYPES = {"height": "FP64", "rooms": "INT64", "colour": "BYTES", "owned": "BOOL", "note": "BYTES"}


def tensors(rows=1, **changed):
    """A tensor for each feature; a changed one is ``(datatype, values)`` or parts of the tensor."""
    found = []
    for name, value in ROW.items():
        tensor = {"name": name, "shape": [rows], "datatype": TYPES[name], "data": [value] * rows}
        if type(changed.get(name)) is tuple:
            datatype, values = changed[name]
            tensor |= {"datatype": datatype, "data": values}
        elif name in changed:
            tensor |= changed[name]
        found.append(tensor)
    return found


def in_binary(inputs, **more):
    """A body with these tensors in binary, and its headers."""
    blocks = b""
    for tensor in inputs:
        if isinstance(tensor.get("data"), list):
            block = to_bytes(tensor["datatype"], tensor.pop("data"))
            tensor["parameters"] = {"binary_data_size": len(block)}
            blocks += block
    head = json.dumps({"inputs": inputs} | more).encode()
    return {"data": head + blocks, "headers": {LENGTH: str(len(head)), "Content-Type": "application/octet-stream"}}


def refusal(answer, status=400):
    assert answer.status_code == status
    assert answer.content_type == "application/json"
    document = answer.get_json()
    assert list(document) == ["error"]
    return document["error"]


def test_a_tensor_for_each_feature_becomes_the_matrix(ask):
    client, engine = ask()
    answer = client.post(INFER, json={"id": "7", "inputs": tensors(2)})
    assert answer.status_code == 200
    document = answer.get_json()
    assert document["outputs"] == [{"name": "predict", "shape": [2], "datatype": "BYTES", "data": ["a", "b"]}]
    assert (document["model_name"], document["model_version"], document["id"]) == ("model", "m-1", "7")
    assert document["parameters"]["prediction_id"] == answer.headers["X-Prediction-ID"]
    assert answer.headers["X-Model-Version"] == "m-1"
    assert engine.asked[:, :4].tolist() == [[1.5, 3, 1, 0]] * 2


def test_binary_tensors_become_the_same_matrix(ask):
    client, engine = ask()
    client.post(INFER, json={"inputs": tensors(3)})
    expected = engine.asked
    answer = client.post(INFER, **in_binary(tensors(3)))
    assert answer.status_code == 200, answer.data
    assert np.array_equal(engine.asked, expected)


@pytest.mark.parametrize("content_type", [None, "application/json", "application/octet-stream", "APPLICATION/JSON"])
def test_binary_may_come_under_either_type_or_none(ask, content_type):
    client, _ = ask()
    sent = in_binary(tensors())
    sent["headers"].pop("Content-Type")
    if content_type:
        sent["headers"]["Content-Type"] = content_type
    assert client.post(INFER, **sent).status_code == 200


def test_json_needs_no_content_type_and_another_one_is_refused(ask):
    client, _ = ask()
    body = json.dumps({"inputs": tensors()})
    assert client.post(INFER, data=body).status_code == 200
    for other in ("text/csv", "application/octet-stream"):
        assert "Inference-Header" in refusal(client.post(INFER, data=body, content_type=other), 415)


@pytest.mark.parametrize("datatype", ["FP32", "FP16", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT64"])
@pytest.mark.parametrize("binary", [False, True])
def test_narrower_numbers_are_taken_for_numbers_and_integers(ask, datatype, binary):
    client, engine = ask()
    inputs = tensors(1, height=(datatype, [2]), rooms=(datatype, [4]))
    answer = client.post(INFER, **(in_binary(inputs) if binary else {"json": {"inputs": inputs}}))
    assert answer.status_code == 200, answer.data
    assert engine.asked[0, :2].tolist() == [2, 4]


def test_bf16_is_taken_in_binary(ask):
    client, engine = ask()
    inputs = tensors(2)
    inputs[0] |= {"datatype": "BF16", "data": None, "parameters": {"binary_data_size": 4}}
    inputs[0].pop("data")
    head = json.dumps({"inputs": inputs}).encode()
    halves = b"".join(struct.pack("<f", value)[2:] for value in (1.5, float("nan")))
    answer = client.post(INFER, data=head + halves, headers={LENGTH: str(len(head))})
    assert answer.status_code == 200, answer.data
    assert engine.asked[0, 0] == 1.5 and np.isnan(engine.asked[1, 0])
    assert "binary" in refusal(client.post(INFER, json={"inputs": tensors(1, height=("BF16", [1.5]))}))


@pytest.mark.parametrize("binary", [False, True])
def test_a_float_of_32_bits_is_itself_in_json_and_in_binary(ask, binary):
    client, engine = ask()
    inputs = tensors(1, height=("FP32", [0.1]))
    client.post(INFER, **(in_binary(inputs) if binary else {"json": {"inputs": inputs}}))
    assert engine.asked[0, 0] == float(np.float32(0.1))


def test_null_is_null_in_json_and_nan_in_a_float(ask):
    client, engine = ask()
    nulls = {name: (TYPES[name], [None, ROW[name]]) for name in ("height", "rooms", "colour", "owned")}
    assert client.post(INFER, json={"inputs": tensors(2, **nulls)}).status_code == 200
    assert np.isnan(engine.asked[0, :4]).all() and not np.isnan(engine.asked[1]).any()
    body = json.dumps({"inputs": tensors(1, height=("FP64", [float("nan")]), rooms=("FP32", [float("nan")]))})
    assert '"data": [NaN]' in body
    assert client.post(INFER, data=body).status_code == 200
    assert np.isnan(engine.asked[0, :2]).all()
    assert client.post(INFER, **in_binary(json.loads(body)["inputs"])).status_code == 200
    assert np.isnan(engine.asked[0, :2]).all()


@pytest.mark.parametrize("null", [None, float("nan")])
def test_null_where_it_is_not_allowed_is_named(ask, null):
    client, _ = ask()
    body = json.dumps({"inputs": tensors(1, note=("BYTES" if null is None else "FP64", [null]))})
    assert "instances.0.note: Field may not be null." in refusal(client.post(INFER, data=body))


def test_columns_of_one_value_and_nested_data_are_taken(ask):
    client, engine = ask()
    inputs = [tensor | {"shape": [2, 1], "data": [[value] for value in tensor["data"]]} for tensor in tensors(2)]
    assert client.post(INFER, json={"inputs": inputs}).status_code == 200
    assert engine.asked[:, :4].tolist() == [[1.5, 3, 1, 0]] * 2
    assert client.post(INFER, json={"inputs": [one | {"shape": [2, 1]} for one in tensors(2)]}).status_code == 200


@pytest.mark.parametrize("name", ["anything", "height"])
@pytest.mark.parametrize("data", [[1.5, 3, 2.5, 7], [[1.5, 3], [2.5, 7]]])
def test_one_tensor_of_all_features_is_taken_in_the_order_of_the_contract(ask, name, data):
    client, engine = ask(NUMBERS)
    matrix = {"name": name, "shape": [2, 2], "datatype": "FP64", "data": data}
    assert client.post(INFER, json={"inputs": [matrix]}).status_code == 200
    assert engine.asked.tolist() == [[1.5, 3], [2.5, 7]]
    flat = {**matrix, "data": [1.5, 3, 2.5, 7]}
    assert client.post(INFER, **in_binary([flat])).status_code == 200
    assert engine.asked.tolist() == [[1.5, 3], [2.5, 7]]


def test_an_error_in_one_tensor_of_all_features_is_named_by_row_and_feature(ask):
    client, _ = ask(NUMBERS)
    matrix = {"name": "x", "shape": [2, 2], "datatype": "FP64", "data": [1.5, 3, 2.5, 7.5]}
    assert "instances.1.rooms: Must be an integer." in refusal(client.post(INFER, json={"inputs": [matrix]}))
    matrix["data"] = [1.5, 3, "a", 7]
    assert "instances.1.height" in refusal(client.post(INFER, json={"inputs": [matrix]}))


def test_one_tensor_of_all_features_is_for_numbers_only(ask):
    client, _ = ask(KINDS)
    matrix = {"name": "x", "shape": [1, 5], "datatype": "FP64", "data": [1, 1, 1, 1, 1]}
    assert "a tensor each" in refusal(client.post(INFER, json={"inputs": [matrix]}))
    client, _ = ask(NUMBERS)
    assert "[rows, 2]" in refusal(client.post(INFER, json={"inputs": [matrix]}))


@pytest.mark.parametrize(
    ("labels", "datatype"),
    [((0, 1), "INT64"), ((True, False), "BOOL"), (("a", "b"), "BYTES"), ((0.5, 1.5), "FP64"), ((1, 0.5), "FP64")],
)
def test_labels_are_answered_in_the_datatype_of_their_kind(ask, labels, datatype):
    client, _ = ask(labels=labels)
    (output,) = client.post(INFER, json={"inputs": tensors(2)}).get_json()["outputs"]
    assert (output["datatype"], output["data"]) == (datatype, list(labels))
    (described, _) = client.get("/v2/models/model").get_json()["outputs"]
    assert described == {"name": "predict", "datatype": datatype, "shape": [-1]}
    answer = client.post(INFER, json={"inputs": tensors(2), "parameters": {"binary_data_output": True}})
    assert answer.content_type == "application/octet-stream"
    head = json.loads(answer.data[: int(answer.headers[LENGTH])])
    block = answer.data[int(answer.headers[LENGTH]) :]
    assert head["outputs"][0]["parameters"] == {"binary_data_size": len(block)}
    assert from_bytes(datatype, block) == list(labels)


def test_labels_of_two_kinds_are_answered_as_text(ask):
    client, _ = ask(labels=(0, "b", True))
    (output,) = client.post(INFER, json={"inputs": tensors(3)}).get_json()["outputs"]
    assert (output["datatype"], output["data"]) == ("BYTES", ["0", "b", "true"])


def test_a_regression_answers_numbers_and_has_no_probabilities(ask):
    client, _ = ask(labels=(1.25, 2.5), regression=True)
    (output,) = client.post(INFER, json={"inputs": tensors(2)}).get_json()["outputs"]
    assert output == {"name": "predict", "shape": [2], "datatype": "FP64", "data": [1.25, 2.5]}
    assert [one["name"] for one in client.get("/v2/models/model").get_json()["outputs"]] == ["predict"]
    asked = {"inputs": tensors(2), "outputs": [{"name": "predict_proba"}]}
    assert "has no probabilities" in refusal(client.post(INFER, json=asked))


def test_outputs_are_answered_in_the_order_asked_each_as_asked(ask):
    client, _ = ask()
    asked = {
        "inputs": tensors(2),
        "parameters": {"binary_data_output": True, "unknown": [1]},
        "outputs": [{"name": "predict_proba"}, {"name": "predict", "parameters": {"binary_data": False, "other": 1}}],
    }
    answer = client.post(INFER, json=asked)
    length = int(answer.headers[LENGTH])
    probabilities, predict = json.loads(answer.data[:length])["outputs"]
    assert (probabilities["name"], probabilities["shape"], probabilities["datatype"]) == (
        "predict_proba",
        [2, 2],
        "FP64",
    )
    assert np.frombuffer(answer.data[length:], "<f8").tolist() == [0.75, 0.25, 0.25, 0.75]
    assert predict["data"] == ["a", "b"] and "parameters" not in predict
    plain = client.post(INFER, json=asked | {"parameters": {}}).get_json()["outputs"]
    assert plain[0]["data"] == [0.75, 0.25, 0.25, 0.75]
    assert LENGTH not in client.post(INFER, json={"inputs": tensors()}).headers


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ([], "$: Must be an object"),
        ({}, "inputs: Must be an array"),
        ({"inputs": []}, "inputs: "),
        ({"inputs": [3]}, "inputs.0: Must be an object."),
        ({"inputs": [{}]}, "inputs.0.datatype: "),
        ({"inputs": tensors(), "id": 7}, "id: Must be a string."),
        ({"inputs": tensors(), "parameters": 1}, "parameters: Must be an object."),
        ({"inputs": tensors(), "parameters": {"binary_data_output": 1}}, "parameters.binary_data_output: "),
        ({"inputs": tensors(), "outputs": {"a": 1}}, "outputs: Must be an array"),
        ({"inputs": tensors(), "outputs": [{"name": "x"}]}, "outputs.x: The outputs are named predict and predict_pr"),
        ({"inputs": tensors(), "outputs": [{"name": "predict"}] * 2}, "outputs.predict: Must be named once."),
        ({"inputs": tensors(), "outputs": [1]}, "outputs.0: "),
        ({"inputs": tensors(height={"datatype": "FLOAT"})}, "inputs.height.datatype: Must be one of BOOL, "),
        ({"inputs": tensors(height={"shape": [2]})}, "inputs.height.data: Must hold 2 elements"),
        ({"inputs": tensors(height={"shape": [-1]})}, "inputs.height.shape: "),
        ({"inputs": tensors(height={"shape": [True]})}, "inputs.height.shape: "),
        ({"inputs": tensors(height={"shape": [1, 1, 1]})}, "inputs.height.shape: "),
        ({"inputs": tensors(height={"shape": [1, 2], "data": [1, 2]})}, "inputs.height.shape: "),
        ({"inputs": tensors(height={"shape": [2, 1], "data": [[1], [2, 3]]})}, "inputs.height.data: Row 1 "),
        ({"inputs": tensors(height={"shape": [2], "data": [1, 2]})}, "inputs: All tensors must have the same number"),
        ({"inputs": tensors(height={"data": 5})}, "inputs.height.data: Must be an array"),
        ({"inputs": tensors(height={"parameters": 5})}, "inputs.height.parameters: Must be an object."),
        ({"inputs": tensors(height={"name": "rooms"})}, "inputs.rooms.name: Is the name of another input"),
        ({"inputs": tensors(height={"name": "x"})}, "instances.0.x: Unknown field."),
        ({"inputs": tensors()[1:]}, "instances.0.height: Missing data for required field."),
        ({"inputs": tensors(0)}, "instances: Must hold 1 to 10000 rows."),
        ({"inputs": tensors(height=("FP64", ["1"]))}, "instances.0.height: Must be of the tensor's datatype, FP64."),
        ({"inputs": tensors(height=("FP64", [True]))}, "instances.0.height: Must be of the tensor's datatype, FP64."),
        ({"inputs": tensors(height=("FP64", [4]))}, "instances.0.height: Must be between 0 and 3."),
        ({"inputs": tensors(height=("FP32", [1e300]))}, "instances.0.height: Must be within the range of FP32."),
        ({"inputs": tensors(rooms=("INT8", [300]))}, "instances.0.rooms: Must be of the tensor's datatype, INT8."),
        ({"inputs": tensors(rooms=("UINT8", [-1]))}, "instances.0.rooms: Must be of the tensor's datatype, UINT8."),
        ({"inputs": tensors(rooms=("INT64", [1.5]))}, "instances.0.rooms: Must be of the tensor's datatype, INT64."),
        ({"inputs": tensors(rooms=("INT64", [2**70]))}, "instances.0.rooms: Must be of the tensor's datatype, INT64."),
        ({"inputs": tensors(rooms=("FP64", [1.5]))}, "instances.0.rooms: Must be an integer."),
        ({"inputs": tensors(rooms=("BOOL", [True]))}, "instances.0.rooms: Must be an integer."),
        ({"inputs": tensors(owned=("INT64", [1]))}, "instances.0.owned: Must be true or false."),
        ({"inputs": tensors(owned=("BOOL", [1]))}, "instances.0.owned: Must be of the tensor's datatype, BOOL."),
        ({"inputs": tensors(colour=("BYTES", ["green"]))}, "instances.0.colour: Must be one of: red, blue."),
        ({"inputs": tensors(colour=("INT64", [1]))}, "instances.0.colour: Must be a string."),
        ({"inputs": tensors(colour=("BYTES", [["red"]]))}, "instances.0.colour: Must be of the tensor's datatype"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(ask, body, key):
    client, _ = ask()
    assert key in refusal(client.post(INFER, data=json.dumps(body)))


def test_all_errors_of_the_rows_are_named_at_once(ask):
    client, _ = ask()
    inputs = tensors(2, height=("FP64", [4, 1]), colour=("BYTES", ["red", "green"]), rooms=("INT64", [0, 200]))
    message = refusal(client.post(INFER, json={"inputs": inputs}))
    assert "4 errors" in message
    for place in ("instances.0.height", "instances.0.rooms", "instances.1.colour", "instances.1.rooms"):
        assert f"{place}: Must be" in message


@pytest.mark.parametrize(
    ("length", "size", "what"),
    [
        ("x", None, LENGTH),
        ("-1", None, LENGTH),
        ("99999", None, LENGTH),
        ("5", None, "not valid JSON"),
        (None, 7, "8 bytes follow the JSON"),
        (None, 9, "more bytes than follow"),
        (None, -1, "whole number"),
        (None, True, "whole number"),
        (None, "8", "whole number"),
    ],
)
def test_bytes_that_are_not_those_announced_are_refused(ask, length, size, what):
    client, _ = ask()
    inputs = tensors()
    inputs[0] |= {"parameters": {"binary_data_size": 8 if size is None else size}}
    inputs[0].pop("data")
    head = json.dumps({"inputs": inputs}).encode()
    sent = {LENGTH: length or str(len(head)), "Content-Type": "application/octet-stream"}
    assert what in refusal(client.post(INFER, data=head + struct.pack("<d", 1.5), headers=sent))


@pytest.mark.parametrize(
    ("name", "block", "what"),
    [
        ("height", b"\0" * 4, "inputs.height.data: 1 elements of FP64 are 8 bytes, not 4."),
        ("owned", b"\2", "instances.0.owned: A BOOL is a byte of 0 or 1."),
        ("colour", b"\3\0\0\0re", "inputs.colour.data: The bytes are not those of 1 elements of BYTES"),
        ("colour", b"\3\0\0", "inputs.colour.data: The bytes"),
        ("colour", b"\xff\xff\xff\xffred", "inputs.colour.data: The bytes"),
        ("colour", b"\3\0\0\0red\0", "inputs.colour.data: The bytes"),
        ("colour", b"\1\0\0\0\xff", "instances.0.colour: Must be UTF-8."),
        ("colour", b"\5\0\0\0green", "instances.0.colour: Must be one of: red, blue."),
        ("height", struct.pack("<d", float("inf")), "instances.0.height: Must be "),
        ("rooms", struct.pack("<q", 2**60), "instances.0.rooms: Must be "),
    ],
)
def test_bytes_that_are_no_values_are_refused_by_name(ask, name, block, what):
    client, _ = ask()
    inputs = tensors()
    changed = next(one for one in inputs if one["name"] == name)
    del changed["data"]
    changed["parameters"] = {"binary_data_size": len(block)}
    head = json.dumps({"inputs": inputs}).encode()
    assert what in refusal(client.post(INFER, data=head + block, headers={LENGTH: str(len(head))}))


def test_elements_in_json_and_in_binary_at_once_are_refused(ask):
    client, _ = ask()
    inputs = tensors(height={"parameters": {"binary_data_size": 8}})
    head = json.dumps({"inputs": inputs}).encode()
    message = refusal(client.post(INFER, data=head + b"\0" * 8, headers={LENGTH: str(len(head))}))
    assert "inputs.height.data: Must not be there beside binary_data_size." in message


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b'{"a": Infinity}', b'{"a": "\\ud800"}', b"\xef\xbb\xbf{}", b"[1e400]"]
)
def test_what_is_no_json_is_refused(ask, body):
    client, _ = ask()
    assert "not valid JSON" in refusal(client.post(INFER, data=body))


def test_the_server_and_the_model_describe_themselves(ask):
    client, _ = ask(MODEL_NAME="homes")
    assert client.get("/v2").get_json()["extensions"] == ["binary_tensor_data"]
    document = client.get("/v2/models/homes").get_json()
    assert {one["name"]: one["datatype"] for one in document["inputs"]} == TYPES
    assert document["outputs"][1] == {"name": "predict_proba", "datatype": "FP64", "shape": [-1, 2]}
    assert (document["name"], document["versions"]) == ("homes", ["m-1"])
    assert client.get("/v2/models/homes/versions/m-1").get_json() == document
    assert client.get("/v2/models/homes/ready").get_json() == {"name": "homes", "ready": True}
    assert client.get("/v2/models/homes/versions/m-1/ready").get_json()["ready"] is True
    assert client.post("/v2/models/homes/versions/m-1/infer", json={"inputs": tensors()}).status_code == 200


@pytest.mark.parametrize("path", ["", "/ready", "/infer"])
@pytest.mark.parametrize(
    "place", ["/v2/models/other", "/v2/models/model/versions/other-1", "/v2/models/model/versions/1"]
)
def test_another_model_or_version_is_not_found(ask, place, path):
    client, _ = ask()
    send = client.post if path == "/infer" else client.get
    refusal(send(place + path, **({"json": {"inputs": tensors()}} if path == "/infer" else {})), 404)


def test_unknown_routes_and_methods_under_the_prefix_are_told_in_the_same_shape(ask):
    client, _ = ask()
    refusal(client.get("/v2/repository/index"), 404)
    answer = client.get(INFER)
    refusal(answer, 405)
    assert answer.headers["Allow"] == "OPTIONS, POST"
    assert client.get("/v3").content_type == "application/problem+json"


def test_health_tells_whether_there_is_a_model(ask):
    client, _ = ask()
    assert client.get("/v2/health/live").get_json() == {"live": True}
    assert client.get("/v2/health/ready").get_json() == {"ready": True}
    client, _ = ask(ready=False)
    assert client.get("/v2/health/live").get_json() == {"live": True}
    for path, document in {
        "/v2/health/ready": {"ready": False},
        "/v2/models/model/ready": {"name": "model", "ready": False},
    }.items():
        answer = client.get(path)
        assert (answer.status_code, answer.get_json()) == (503, document)
        assert answer.headers["Retry-After"]
    refusal(client.get("/v2/models/model"), 503)
