"""Every road to a prediction meets every guard: one table of roads, one of guards, each pair a test.

A road says how it sends rows, how it tells of an error, and how it marks a bad value of feature_4 in row 0.
"""

import hashlib
import json
from dataclasses import dataclass

import pytest

from service.models.serving import ModelSet
from tests.protocols.oip.framing import LENGTH, to_bytes

ROW = {"feature_1": 0.5, "feature_2": 1.2, "feature_3": -0.3, "feature_4": 75.5, "feature_5": 5}
JSON, PROBLEM = "application/json", "application/problem+json"


def _tensors(rows):
    types = {name: "INT64" if name == "feature_5" else "FP64" for name in ROW}
    return [
        {"name": name, "shape": [len(rows)], "datatype": types[name], "data": [row[name] for row in rows]}
        for name in ROW
    ]


def _binary(rows):
    inputs, blocks = _tensors(rows), b""
    for tensor in inputs:
        block = to_bytes(tensor["datatype"], tensor.pop("data"))
        tensor["parameters"] = {"binary_data_size": len(block)}
        blocks += block
    head = json.dumps({"inputs": inputs}).encode()
    return head + blocks, {LENGTH: str(len(head)), "Content-Type": "application/octet-stream"}


def _matrix(rows):
    shape = [len(rows), len(ROW)]
    data = [list(row.values()) for row in rows]
    return _json({"inputs": [{"name": "x", "shape": shape, "datatype": "FP64", "data": data}]})


def _json(document):
    return json.dumps(document).encode(), {"Content-Type": JSON}


def _csv(rows):
    lines = [",".join(ROW), *(",".join(map(str, row.values())) for row in rows)]
    return "\n".join(lines).encode(), {"Content-Type": "text/csv"}


@dataclass(frozen=True)
class Road:
    """A way to ask: its path, the framing of rows, and the shape of its errors, "problem", "oip" or "mlflow"."""

    path: str
    frame: object
    shape: str
    batch: bool = True

    def send(self, client, rows=None, headers=None, body=None, path=None):
        made, given = self.frame(rows or [ROW])
        return client.post(path or self.path, data=made if body is None else body, headers=given | (headers or {}))

    def refusal(self, answer, status):
        """The text of an error, whatever its shape."""
        expected = 400 if status == 422 and self.shape != "problem" else status
        assert answer.status_code == expected, answer.data
        assert answer.content_type == (PROBLEM if self.shape == "problem" else JSON)
        assert answer.headers["X-Request-ID"]
        document = answer.get_json()
        keys = {"oip": ["error"], "mlflow": ["error_code", "message"]}
        if self.shape in keys:
            assert list(document) == keys[self.shape]
            return " ".join(document.values())
        assert document["status"] == status and document["type"].startswith("urn:problem:")
        return json.dumps(document)


INFER = "/v2/models/model/infer"
ROADS = {
    "row": Road("/predict", lambda rows: _json(rows[0]), "problem", batch=False),
    "batch": Road("/predict/batch", lambda rows: _json({"instances": rows}), "problem"),
    "batch, CSV": Road("/predict/batch", _csv, "problem"),
    "OIP, JSON": Road(INFER, lambda rows: _json({"inputs": _tensors(rows)}), "oip"),
    "OIP, binary": Road(INFER, _binary, "oip"),
    "OIP, one matrix": Road(INFER, _matrix, "oip"),
    "OIP, a version": Road("/v2/models/model/versions/random_forest-1/infer", _binary, "oip"),
    "MLflow, split": Road(
        "/invocations",
        lambda rows: _json({"dataframe_split": {"columns": list(ROW), "data": [list(row.values()) for row in rows]}}),
        "mlflow",
    ),
    "MLflow, records": Road("/invocations", lambda rows: _json({"dataframe_records": rows}), "mlflow"),
    "MLflow, instances": Road("/invocations", lambda rows: _json({"instances": rows}), "mlflow"),
    "MLflow, inputs": Road(
        "/invocations", lambda rows: _json({"inputs": {name: [row[name] for row in rows] for name in ROW}}), "mlflow"
    ),
    "MLflow, CSV": Road("/invocations", _csv, "mlflow"),
}


@pytest.fixture(params=ROADS)
def road(request):
    return ROADS[request.param]


def test_a_row_is_answered_and_named(road, make_client, capfd):
    answer = road.send(make_client())
    assert answer.status_code == 200, answer.data
    assert answer.headers["X-Model-Version"] == "random_forest-1"
    events = [json.loads(line)["event"] for line in capfd.readouterr().out.splitlines()]
    assert [event for event in events if event in ("prediction_made", "request")] == ["prediction_made", "request"]


def test_all_roads_give_one_answer(make_client):
    client = make_client()
    rows = [ROW, ROW | {"feature_1": -2.0}, ROW | {"feature_5": 9}]
    expected = [one["prediction"] for one in ROADS["batch"].send(client, rows).get_json()["predictions"]]
    for name, road in ROADS.items():
        answer = road.send(client, rows).get_json()
        if road.shape == "oip":
            assert answer["outputs"][0]["data"] == expected, name
        elif road.shape == "mlflow":
            assert answer["predictions"] == expected, name


def test_a_row_is_recorded_under_the_id_that_the_client_got(road, make_client, tmp_path):
    client = make_client(RECORDS="on")
    answer = road.send(client)
    document = answer.get_json()
    found = (
        answer.headers.get("X-Prediction-ID")
        or document.get("prediction_id")
        or document["parameters"]["prediction_id"]
    )
    spooled = b"".join(path.read_bytes() for path in (tmp_path / "var").rglob("*") if path.is_file())
    assert found.encode() in spooled


def test_a_row_is_counted(road, make_client):
    client = make_client()
    road.send(client)
    rule = client.application.route_for("POST", road.path)[0]
    lines = client.get("/metrics").get_data(as_text=True).splitlines()
    assert any(line.startswith("http_requests_total{") and f'"{rule}"' in line and '"200"' in line for line in lines)
    assert any(line.startswith("predictions_total{") for line in lines)


def test_without_a_token_it_is_401_and_with_another_scope_403(road, make_client, tmp_path):
    path = tmp_path / "tokens"
    lines = {"asker": ":predict", "watcher": ":observe"}
    path.write_text(
        "".join(f"{name}:{hashlib.sha256(name.encode()).hexdigest()}{scope}\n" for name, scope in lines.items())
    )
    client = make_client(API_TOKENS_FILE=str(path))
    answer = road.send(client)
    assert "token" in road.refusal(answer, 401) and answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert "not known" in road.refusal(road.send(client, headers={"Authorization": "Bearer unknown"}), 401)
    answer = road.send(client, headers={"Authorization": "Bearer watcher"})
    assert "scope predict" in road.refusal(answer, 403)
    assert road.send(client, headers={"Authorization": "Bearer asker"}).status_code == 200


def test_beyond_the_rate_it_is_429_and_all_roads_count_together(road, make_client):
    client = make_client(RATE_LIMIT="2/minute")
    assert ROADS["row"].send(client).status_code == 200
    assert road.send(client).headers["RateLimit-Remaining"] == "0"
    answer = road.send(client)
    assert "used up" in road.refusal(answer, 429) and answer.headers["Retry-After"]


def test_without_a_model_it_is_503_even_of_a_bad_body(road, make_client, tmp_path):
    client = make_client(ARTIFACTS_DIR=str(tmp_path / "none"))
    for body in (None, b"{"):
        answer = road.send(client, body=body)
        assert "cannot predict" in road.refusal(answer, 503) and answer.headers["Retry-After"]


def test_a_body_beyond_the_limit_is_413_whatever_its_type(road, make_client):
    client = make_client(MAX_BODY_BYTES="100")
    for headers in ({}, {"Content-Type": "text/unknown"}):
        assert "100 bytes" in road.refusal(road.send(client, body=b"x" * 101, headers=headers), 413)


def test_an_unknown_type_is_415(road, make_client):
    client = make_client()
    assert "Send" in road.refusal(road.send(client, headers={"Content-Type": "text/unknown"}), 415)
    assert "Content-Encoding" in road.refusal(road.send(client, headers={"Content-Encoding": "gzip"}), 415)


def test_a_body_that_cannot_be_read_is_400(road, make_client):
    answer = road.send(make_client(), body=b"\xff\xfe{")
    assert answer.status_code == 400
    road.refusal(answer, 400)


def test_a_bad_value_is_told_with_the_name_of_its_field(road, make_client):
    answer = road.send(make_client(), [ROW | {"feature_4": 100.5}])
    message = road.refusal(answer, 422)
    assert ("instances.0.feature_4" if road.batch else "feature_4") in message
    assert "Must be between 0 and 100." in message


def test_bad_values_are_counted_by_the_name_of_their_field(road, make_client):
    client = make_client()

    def counted():
        text = client.get("/metrics").get_data(as_text=True)
        (line,) = [one for one in text.splitlines() if one.startswith('validation_errors_total{field="feature_4"')] or [
            "x 0"
        ]
        return float(line.rsplit(" ", 1)[1])

    road.send(client, [ROW | {"feature_4": 100.5}])  # the process takes its slot with the first request
    before = counted()
    road.send(client, [ROW | {"feature_4": 100.5}])
    assert counted() == before + 1


def test_too_many_rows_are_refused(road, make_client):
    client = make_client(MAX_BATCH_ROWS="2")
    assert road.send(client, [ROW] * 2).status_code == 200
    if road.batch:
        assert "Must hold 1 to 2 rows." in road.refusal(road.send(client, [ROW] * 3), 422)


def test_an_unknown_version_is_404(road, make_client):
    path = road.path + "?model_version=other-1"
    if road.shape == "oip":
        path = "/v2/models/model/versions/other-1/infer"
    assert "not loaded" in road.refusal(road.send(make_client(), path=path), 404)


def test_a_fault_of_the_service_is_500_and_says_nothing_of_it(road, make_client, monkeypatch):
    client = make_client()

    def broken(self, version):
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(ModelSet, "choose", broken)
    message = road.refusal(road.send(client), 500)
    assert "secret" not in message and "Zero" not in message


def test_the_worker_tells_overload_in_the_shape_of_the_road(road, make_client):
    """The worker refuses before the application runs; it asks the application for the shape of the route."""
    from service.server.error_responses import overloaded_response
    from service.server.overload import Policy

    route, rules = Policy(make_client().application).route("POST", road.path)
    assert rules.limited and route != "unmatched"
    head, _, body = overloaded_response("id", 1.0, True, rules.errors).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ") and b"\r\nRetry-After: " in head
    media = PROBLEM if road.shape == "problem" else JSON
    assert f"\r\nContent-Type: {media}\r\n".encode() in head
    keys = {"oip": ["error"], "mlflow": ["error_code", "message"]}.get(road.shape)
    assert keys is None or list(json.loads(body)) == keys
    assert "more requests than it can answer" in body.decode()


def test_without_the_protocol_its_road_is_not_there(road, make_client):
    answer = road.send(make_client(PROTOCOLS=""))
    assert answer.status_code == (200 if road.shape == "problem" else 404)
    assert road.shape == "problem" or answer.content_type == PROBLEM
