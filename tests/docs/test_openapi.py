"""The document: valid, true to the contract, and in line with the running service."""

import json
import shutil
import time
from types import SimpleNamespace

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import validate

from inference.contract import Contract, Feature
from inference.engines.base import Answers
from inference.manifest import Manifest, digest
from inference.routing import Routing, write_routing
from schemas.errors import InvalidInput
from schemas.reader import Reader
from service.access.tokens import SCOPES, line_of, new_token
from service.app import create_app
from service.models.model import Model
from service.settings import Settings
from service.web.docs.document import make_document
from service.web.operation import template_of

ALL_KINDS = Contract(
    "classification",
    "kind",
    (
        Feature("sepal length (cm)", "number", example=5.1),
        Feature("größe", "number", minimum=0, nullable=True, example=None),
        Feature("grade", "integer", minimum=1, maximum=10, example=5),
        Feature("rooms", "integer", choices=(1, 2, 4), example=2),
        Feature("colour", "category", choices=("red", "blue"), nullable=True, example="red"),
        Feature("owned", "boolean", description="by whom it is used", example=True),
    ),
)
SOME = st.one_of(
    st.none(), st.booleans(), st.integers(-12, 12), st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["red", "blue", "green", "", "5"]), st.lists(st.integers(), max_size=1),
)  # fmt: skip


class Always:
    """An engine that answers the same to every row."""

    name = "always"

    def __init__(self, label, likely=0.75):
        self.label, self.likely = label, likely

    def predict(self, matrix):
        if self.likely is None:
            return Answers([self.label] * len(matrix), None, None)
        return Answers([self.label] * len(matrix), np.array([[self.likely, 0.25]]), np.array([0]))


def _model(contract, classes, engine):
    manifest = Manifest("m-1", "2026-01-01T00:00:00Z", "m", contract, classes, "onnx", {}, {}, "accuracy", {})
    return Model(manifest, engine, Reader(contract, 100))


@pytest.fixture
def make_app(tmp_path):
    def make(**environment):
        given = {"ARTIFACTS_DIR": str(tmp_path / "none"), "VAR_DIR": str(tmp_path / "var")}
        return create_app(Settings.read(given | environment))

    return make


@pytest.fixture
def tokens(tmp_path):
    path = tmp_path / "tokens"
    path.write_text(line_of("a", new_token(), SCOPES) + "\n")
    return str(path)


def _operations(document):
    return {(path, method): one for path, methods in document["paths"].items() for method, one in methods.items()}


def test_the_document_is_valid_with_a_model_and_without(make_client, make_app, tokens, tmp_path):
    with_model = make_client().get("/apispec.json")
    assert with_model.headers["Cache-Control"] == "no-cache"
    validate(with_model.get_json())
    without = (
        make_app(API_TOKENS_FILE=tokens, RATE_LIMIT="5/minute", VAR_DIR=str(tmp_path / "other"))
        .test_client()
        .get("/apispec.json")
        .get_json()
    )
    validate(without)
    assert "No model is loaded now" in without["info"]["description"]


def test_every_route_of_the_front_page_is_documented_except_pages(make_client):
    client = make_client()
    listed = {(route["path"], route["method"].lower()) for route in client.get("/").get_json()["routes"]}
    documented = _operations(client.get("/apispec.json").get_json())
    app = client.application
    operations = {template_of(rule): app.operations[rule.endpoint] for rule in app.url_map.iter_rules()}
    pages = {route for route in listed if operations[route[0]].page}
    assert {("/apidocs/", "get"), ("/redoc", "get")} <= pages
    assert set(documented) == listed - pages
    names = [one["operationId"] for one in documented.values()]
    assert len(names) == len(set(names))


def test_the_examples_are_accepted_and_answered_as_shown(make_client):
    client = make_client()
    document = client.get("/apispec.json").get_json()
    for path in ("/v2/models/{name}/infer", "/invocations"):
        example = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["example"]
        assert client.post(path.format(name="model"), json=example).status_code == 200
    for path in ("/predict", "/predict/batch"):
        operation = document["paths"][path]["post"]
        answer = client.post(path, json=operation["requestBody"]["content"]["application/json"]["example"])
        shown = operation["responses"]["200"]["content"]["application/json"]["example"]
        assert answer.status_code == 200
        changing = {"timestamp", "prediction_id"}
        assert {key: value for key, value in answer.get_json().items() if key not in changing} == {
            key: value for key, value in shown.items() if key not in changing
        }


def test_a_problem_is_shown_as_it_is_answered(make_client):
    client = make_client()
    responses = client.get("/apispec.json").get_json()["paths"]["/predict"]["post"]["responses"]
    refused = client.post("/predict", json={}).get_json()
    (shown,) = (one["value"] for one in responses["422"]["content"]["application/problem+json"]["examples"].values())
    assert shown.keys() == refused.keys()
    assert shown["type"] == refused["type"]
    assert "429" not in responses and "401" not in responses


@pytest.mark.parametrize(
    ("protocols", "tags"), [("oip,mlflow", {"oip", "mlflow"}), ("oip", {"oip"}), ("mlflow", {"mlflow"}), ("", set())]
)
def test_each_protocol_has_a_tag_of_its_own_and_goes_with_the_setting(make_client, protocols, tags):
    client = make_client(PROTOCOLS=protocols)
    document = client.get("/apispec.json").get_json()
    validate(document)
    ours = {"predictions", "model", "records", "health", "service"}
    assert {tag["name"] for tag in document["tags"]} == ours | tags
    paths = {"oip": "/v2/health/live", "mlflow": "/ping"}
    for name, path in paths.items():
        assert (path in document["paths"]) is (name in tags)
        assert client.get(path).status_code == (200 if name in tags else 404)


def test_the_errors_of_a_protocol_are_documented_in_its_shape(make_client):
    client = make_client()
    paths = client.get("/apispec.json").get_json()["paths"]
    for path, body in (("/v2/models/{name}/infer", {"inputs": []}), ("/invocations", {})):
        responses = paths[path]["post"]["responses"]
        assert "422" not in responses
        refused = client.post(path.format(name="model"), json=body)
        documented = responses["400"]["content"][refused.content_type]["examples"]["invalid-input"]["value"]
        assert documented.keys() == refused.get_json().keys()


def test_tokens_and_limits_are_documented_where_they_hold(make_client, tokens):
    document = make_client(API_TOKENS_FILE=tokens, RATE_LIMIT="5/minute").get("/apispec.json").get_json()
    operations = _operations(document)
    assert document["components"]["securitySchemes"]["token"] == {"type": "http", "scheme": "bearer"}
    secured = {path for (path, _), one in operations.items() if "security" in one}
    assert {"/predict", "/predict/batch", "/model/info"} <= secured
    assert not secured & {"/", "/health", "/health/live", "/health/ready", "/apispec.json", "/ping", "/version"}
    assert {"/v2", "/v2/models/{name}", "/v2/models/{name}/infer", "/invocations"} <= secured
    assert not any(path.startswith("/v2/") and path.endswith(("/ready", "/live")) for path in secured)
    responses = operations["/predict", "post"]["responses"]
    assert "WWW-Authenticate" in responses["401"]["headers"] and "Retry-After" in responses["429"]["headers"]
    assert {"X-Request-ID", "X-Model-Version", "RateLimit-Remaining"} <= responses["200"]["headers"].keys()
    assert "429" not in operations["/health", "get"]["responses"]
    assert "security" not in json.dumps(make_client().get("/apispec.json").get_json()["paths"])


def test_each_kind_of_feature_has_its_json_schema(make_app):
    document = make_document(make_app(), _model(ALL_KINDS, ("a", "b"), Always("a")))
    validate(document)
    row = document["components"]["schemas"]["Row"]
    assert row["properties"] == {
        "sepal length (cm)": {"type": "number", "examples": [5.1]},
        "größe": {"type": ["number", "null"], "minimum": 0.0, "examples": [None]},
        "grade": {"type": "integer", "minimum": 1, "maximum": 10, "examples": [5]},
        "rooms": {
            "type": "integer",
            "minimum": -(2**53),
            "maximum": 2**53,
            "enum": [1, 2, 4],
            "examples": [2],
        },
        "colour": {"type": ["string", "null"], "enum": ["red", "blue", None], "examples": ["red"]},
        "owned": {"type": "boolean", "description": "by whom it is used", "examples": [True]},
    }
    assert set(row["required"]) == set(ALL_KINDS.names)
    assert row["additionalProperties"] is False
    assert document["components"]["schemas"]["Batch"]["properties"]["instances"]["maxItems"] == 100


@pytest.mark.parametrize(
    ("classes", "engine", "type_", "probable"),
    [
        (("a", "b"), Always("a"), "string", True),
        ((True, False), Always(True), "boolean", True),
        ((0, "b"), Always(0), ["integer", "string"], True),
        (("a", "b"), Always("a", None), "string", False),
        ((), Always(1.5, None), "number", False),
    ],
)
def test_a_prediction_is_documented_in_the_type_of_the_model(make_app, classes, engine, type_, probable):
    document = make_document(make_app(), _model(ALL_KINDS, classes, engine))
    validate(document)
    answer = document["components"]["schemas"]["PredictionAnswer"]["properties"]
    assert answer["prediction"]["type"] == type_
    assert ("probability" in answer) is probable
    example = document["paths"]["/predict"]["post"]["responses"]["200"]["content"]["application/json"]["example"]
    assert ("probability" in example) is probable and example["prediction"] == engine.label


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The document's validator of a row, and the service's reader."""
    folder = tmp_path_factory.mktemp("both")
    app = create_app(Settings.read({"ARTIFACTS_DIR": str(folder), "VAR_DIR": str(folder)}))
    document = make_document(app, _model(ALL_KINDS, ("a", "b"), Always("a")))
    validator = jsonschema.Draft202012Validator(document["components"]["schemas"]["Row"])
    return SimpleNamespace(documented=validator, reader=Reader(ALL_KINDS, 100))


@given(changes=st.dictionaries(st.sampled_from([*ALL_KINDS.names, "other"]), SOME, max_size=2), left_out=st.booleans())
def test_what_the_document_allows_is_what_the_service_takes(both, changes, left_out):
    row = ALL_KINDS.example | changes
    if left_out:
        row.pop("grade")
    try:
        both.reader.row(json.dumps(row).encode())
        taken = True
    except InvalidInput:
        taken = False
    beyond = any(type(value) is float and abs(value) > 1e300 for value in row.values())  # UNBOUNDED: not shown
    assert beyond or both.documented.is_valid(row) is taken


def test_the_document_follows_the_stable_version(artifacts, make_client):
    copy = shutil.copytree(artifacts / "random_forest-1", artifacts / "random_forest-2")
    manifest = json.loads((copy / "manifest.json").read_bytes()) | {"version": "random_forest-2"}
    (copy / "manifest.json").write_text(json.dumps(manifest | {"sha256": digest(manifest)}))
    client = make_client(ARTIFACTS_DIR=str(artifacts))
    assert "**random_forest-1**" in client.get("/apispec.json").get_json()["info"]["description"]
    write_routing(artifacts, Routing("random_forest-2"))
    for _ in range(200):
        if client.get("/health").get_json()["model_version"] == "random_forest-2":
            break
        time.sleep(0.05)
    assert "**random_forest-2**" in client.get("/apispec.json").get_json()["info"]["description"]
