"""Every status and every form of error of the interface, through an in-process client."""

import json
import re

import pytest

from schemas.answers import BatchAnswer, HealthAnswer, HomeAnswer, ModelInfoAnswer, PredictionAnswer

ROW = {"feature_1": 0.5, "feature_2": 1.2, "feature_3": -0.3, "feature_4": 75.5, "feature_5": 5}
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@pytest.fixture
def client(make_client):
    return make_client()


def _problem(answer, status):
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    document = answer.get_json(force=True)
    assert {"type", "title", "status", "detail", "request_id"} <= set(document)
    assert document["status"] == status
    assert document["request_id"] == answer.headers["X-Request-ID"]
    return document


def test_one_row_is_answered_with_its_facts(client):
    answer = client.post("/predict", json=ROW)
    assert answer.status_code == 200
    document = answer.get_json()
    assert document.keys() == {"prediction", "probability", "model_version", "timestamp", "prediction_id"}
    assert document["prediction"] in (0, 1) and 0.5 <= document["probability"] <= 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", document["timestamp"])
    assert re.fullmatch(UUID, document["prediction_id"])
    assert answer.headers["X-Model-Version"] == document["model_version"] == "random_forest-1"
    assert PredictionAnswer().validate(document) == {}


def test_a_batch_is_answered_in_order_as_each_row_alone_would_be(client):
    rows = [ROW | {"feature_1": x / 4, "feature_5": 1 + x % 10} for x in range(-12, 12)]
    document = client.post("/predict/batch", json={"instances": rows}).get_json()
    alone = [client.post("/predict", json=row).get_json() for row in rows]
    assert document["count"] == len(rows)
    assert document["predictions"] == [{key: one[key] for key in ("prediction", "probability")} for one in alone]
    assert BatchAnswer().validate(document) == {}


@pytest.mark.parametrize(
    ("path", "schema"),
    [("/", HomeAnswer), ("/health", HealthAnswer), ("/health/ready", HealthAnswer), ("/model/info", ModelInfoAnswer)],
)
def test_what_is_documented_is_what_is_answered(client, path, schema):
    answer = client.get(path)
    assert answer.status_code == 200
    assert schema().validate(answer.get_json()) == {}


@pytest.mark.parametrize(
    ("media_type", "status"),
    [
        ('application/json; charset="utf-8"', 200),
        ("application/json;charset=utf8", 200),
        ('Application/LD+JSON; profile="charset=latin1"', 200),
        ("application/json; charset=utf-8; charset=latin-1", 415),
        ("application/json; charset=iso-8859-1", 415),
        ("application/json, text/plain", 415),
        ("application/json-seq", 415),
    ],
)
def test_the_media_type_is_read_with_its_parameters(client, media_type, status):
    assert client.post("/predict", data=json.dumps(ROW), content_type=media_type).status_code == status


def test_every_route_stands_on_the_front_page(client):
    listed = {route["path"] for route in client.get("/").get_json()["routes"]}
    assert {"/", "/health", "/health/live", "/health/ready", "/model/info", "/predict", "/predict/batch"} <= listed


def test_health_names_version_and_accuracy(client):
    document = client.get("/health").get_json()
    assert document["status"] == "healthy"
    assert document["model_loaded"] is True
    assert document["model_version"] == "random_forest-1"
    assert document["model_accuracy"] >= 0.95


def test_without_a_model_the_service_runs_and_says_why(make_client, tmp_path):
    client = make_client(ARTIFACTS_DIR=str(tmp_path / "none"))
    answer = client.get("/health")
    assert answer.status_code == 503
    document = answer.get_json()
    assert document["status"] == "unhealthy" and document["model_loaded"] is False
    assert "python -m training" in document["reason"]
    assert client.get("/health/live").status_code == 200
    assert client.get("/health/ready").status_code == 503
    assert client.get("/").status_code == 200
    for answer in (client.post("/predict", json=ROW), client.post("/predict", data=b"x"), client.get("/model/info")):
        _problem(answer, 503)
        assert int(answer.headers["Retry-After"]) >= 1


@pytest.mark.parametrize("path", ["/nix", "/predict/", "/health/", "//predict", "/PREDICT", "/model", "/pre%00dict"])
def test_an_unknown_route_is_404(client, path):
    _problem(client.post(path, json=ROW), 404)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("GET", "/predict", {"POST", "OPTIONS"}), ("POST", "/health", {"GET", "HEAD", "OPTIONS"})],
)
def test_a_wrong_method_is_405_with_what_is_allowed(client, method, path, allowed):
    answer = client.open(path, method=method)
    _problem(answer, 405)
    assert set(answer.headers["Allow"].split(", ")) == allowed


def test_head_is_get_without_a_body_and_options_names_the_methods(client):
    head = client.head("/health")
    assert head.status_code == 200 and head.data == b"" and int(head.headers["Content-Length"]) > 0
    options = client.options("/predict")
    assert options.status_code in (200, 204)
    assert "Content-Type" not in options.headers  # nothing is there to be parsed
    assert set(options.headers["Allow"].split(", ")) == {"POST", "OPTIONS"}


@pytest.mark.parametrize("version", ["", "random_forest-2", "x" * 5000, "../random_forest-1"])
def test_a_version_that_is_not_loaded_is_404(client, version):
    _problem(client.post("/predict", json=ROW, query_string={"model_version": version}), 404)
    _problem(client.get("/model/info", query_string={"model_version": version}), 404)


def test_a_loaded_version_may_be_asked_for(client):
    answer = client.post("/predict?model_version=random_forest-1", json=ROW)
    assert answer.status_code == 200


def test_a_body_over_the_limit_is_413_before_its_type_is_looked_at(make_client):
    client = make_client(MAX_BODY_BYTES="100")
    _problem(client.post("/predict", data=b"x" * 101), 413)
    _problem(client.post("/predict", data=b"x" * 101, content_type="application/json"), 413)
    assert client.post("/predict", json={"a": 1}).status_code == 422


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/jsonx"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
def test_what_is_not_json_by_its_headers_is_415(client, headers):
    _problem(client.post("/predict", data=b"{", headers=headers), 415)


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "application/vnd.rows+json", "Application/JSON"]
)
def test_json_by_any_of_its_names_is_read(client, content_type):
    assert client.post("/predict", data=json.dumps(ROW), content_type=content_type).status_code == 200


def test_more_rows_than_allowed_are_refused_before_they_are_read(make_client):
    client = make_client(MAX_BATCH_ROWS="2")
    document = _problem(client.post("/predict/batch", json={"instances": [{}] * 3}), 422)
    assert list(document["errors"]) == ["instances"]


def test_checks_come_in_the_documented_order(make_client, tmp_path):
    client = make_client(MAX_BODY_BYTES="10")
    _problem(client.post("/nix", data=b"x" * 11), 404)
    _problem(client.get("/predict", data=b"x" * 11), 405)
    _problem(client.post("/predict?model_version=nix", data=b"x" * 11), 404)
    _problem(client.post("/predict", data=b"x" * 11, content_type="text/plain"), 413)
    _problem(client.post("/predict", data=b"{", content_type="text/plain"), 415)
    _problem(client.post("/predict", data=b"{", content_type="application/json"), 400)
    _problem(client.post("/predict", data=b"{}", content_type="application/json"), 422)


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("abc-1", True),
        ("x" * 128, True),
        ("x" * 129, False),
        ("a b", False),
        ("", False),
        ("ä", False),
        ("a\tb", False),
    ],
)
def test_a_sane_request_id_is_taken_and_any_other_replaced(client, given, taken):
    shown = client.get("/health/live", headers={"X-Request-ID": given}).headers["X-Request-ID"]
    assert (shown == given) is taken
    assert shown


def test_input_is_never_echoed(client):
    secret = "s3cr3t-value"
    for body in (ROW | {"feature_1": secret}, {"instances": [ROW | {"feature_4": secret}]}, [secret], secret):
        for path in ("/predict", "/predict/batch"):
            assert secret not in client.post(path, json=body).text
    assert secret not in client.post("/predict", data=secret, content_type="application/json").text


def test_an_error_of_the_service_is_500_without_a_word_of_python(make_client):
    client = make_client()
    loaded = client.application.models.now

    class Broken:
        name = "broken"

        def predict(self, matrix):
            raise ZeroDivisionError("secret detail")

    object.__setattr__(loaded.stable, "engine", Broken())
    answer = client.post("/predict", json=ROW)
    _problem(answer, 500)
    assert "secret" not in answer.text and "ZeroDivision" not in answer.text and "Traceback" not in answer.text


def test_server_timing_names_each_phase_where_a_client_asks_for_it(make_client):
    client = make_client(RECORDS="on")
    timing = client.post("/predict", json=ROW, headers={"X-Server-Timing": "1"}).headers["Server-Timing"]
    phases = {name: float(spent) for name, spent in re.findall(r"([a-z]+);dur=([0-9.]+)", timing)}
    assert list(phases) == ["validate", "predict", "record", "serialise", "total"]
    assert sum(phases.values()) - phases["total"] <= phases["total"]
    assert "Server-Timing" not in client.post("/predict", json=ROW).headers
