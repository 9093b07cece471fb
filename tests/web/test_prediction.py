"""The prediction service, called without a request of Flask's, as other protocols and tools call it."""

import json
from dataclasses import dataclass, field, replace

import flask
import numpy as np
import pytest

from inference.engines.base import Answers
from schemas.errors import BodyTooLarge, InvalidInput, UnknownVersion
from service.models.model import load
from service.models.serving import ModelSet
from service.settings import Settings
from service.web.prediction import (
    answer,
    predict_and_record,
    read_batch,
    read_row,
    serialise_batch,
    serialise_row,
)
from service.web.shadow import shadow_predict

ROW = {"feature_1": 0.5, "feature_2": 1.2, "feature_3": -0.3, "feature_4": 75.5, "feature_5": 5}
BODY = json.dumps(ROW).encode()


@dataclass
class Request:
    request_id: str = "request-1"
    started: float = 0.0
    client: str = "shop"
    remote_addr: str | None = "192.0.2.1"
    phases: dict | None = field(default_factory=dict)
    events: tuple = ()
    client_key: str = ""


class Records(list):
    """A recorder that holds its records in memory."""


@pytest.fixture(scope="module")
def model(trained):
    return load(trained / "random_forest-1", Settings.read({"ARTIFACTS_DIR": str(trained)}))


def models_of(model, **others):
    named = {model.version: model} | {one.version: one for one in others.values()}
    return ModelSet(model, models=named, reasons=(), **others)


def other_version(model, **changes):
    return replace(model, manifest=replace(model.manifest, version="other-1"), **changes)


def ask(model, body=BODY, version=None, read=read_row, serialise=serialise_row, batch=False, wanted=None, **others):
    request, records = Request(), Records()
    models = models_of(model, **others)
    given = answer(models, version, lambda: body, read, serialise, request, records, batch, wanted)
    return given, request, records


def test_a_row_is_answered_and_recorded_without_flask(model):
    assert not flask.has_request_context()
    given, request, records = ask(model)
    document = json.loads(given.content)
    (record,) = records
    assert document["prediction"] in (0, 1)
    assert document["prediction_id"] == record.prediction_id
    assert document["model_version"] == record.model_version == "random_forest-1"
    assert (record.request_id, record.client, record.role) == ("request-1", "shop", "stable")
    assert list(request.phases) == ["validate", "predict", "record", "serialise"]
    ((event, line),) = request.events
    assert event == "prediction_made" and line["prediction_id"] == record.prediction_id
    assert given.shadow is None


def test_a_batch_is_answered_in_order(model):
    rows = [ROW | {"feature_5": 1 + number % 10} for number in range(20)]
    body = json.dumps({"instances": rows}).encode()
    given, _, records = ask(model, body, read=read_batch, serialise=serialise_batch, batch=True)
    document = json.loads(given.content)
    assert document["count"] == 20
    assert [row["prediction"] for row in document["predictions"]] == records[0].answers.predictions


def test_a_matrix_is_answered_as_its_body_is(model):
    records = Records()
    rows = read_row(model, BODY)
    prediction = predict_and_record(model, "requested", rows, Request(), records)
    assert records == [prediction.record] and prediction.record.role == "requested"
    given, _, _ = ask(model)
    assert json.loads(serialise_row(prediction))["probability"] == json.loads(given.content)["probability"]


def test_the_record_is_written_before_the_answer_is_made(model):
    request, records = Request(), Records()

    def serialise(prediction):
        assert records == [prediction.record]
        return b""

    assert answer(models_of(model), None, lambda: BODY, read_row, serialise, request, records).content == b""


def test_a_body_is_not_asked_for_before_its_version_is_known(model):
    def too_large():
        raise BodyTooLarge("")

    with pytest.raises(UnknownVersion):
        answer(models_of(model), "nobody-1", too_large, read_row, serialise_row, Request(), Records())
    with pytest.raises(BodyTooLarge):
        answer(models_of(model), None, too_large, read_row, serialise_row, Request(), Records())


def test_what_is_refused_is_not_recorded(model):
    records = Records()
    with pytest.raises(InvalidInput):
        answer(models_of(model), None, lambda: b"{}", read_row, serialise_row, Request(), records)
    assert records == []


def test_the_shadow_answers_afterwards_under_the_same_id(model):
    given, _, records = ask(model, shadow=other_version(model))
    assert len(records) == 1, "not before the answer is sent"
    given.shadow()
    first, second = records
    assert (second.role, second.model_version, second.prediction_id) == ("shadow", "other-1", first.prediction_id)


def test_the_shadow_does_not_answer_a_request_for_one_version(model):
    given, _, records = ask(model, version="random_forest-1", shadow=other_version(model))
    assert given.shadow is None and records[0].role == "requested"


class Broken:
    name = "broken"

    def predict(self, matrix):
        raise ZeroDivisionError


def test_a_shadow_that_fails_is_logged_and_nothing_else_happens(model, capfd):
    given, _, records = ask(model, shadow=other_version(model, engine=Broken()))
    given.shadow()
    assert len(records) == 1
    shadow_predict(model, read_row, b"{}", records[0], Records())
    events = [json.loads(line)["event"] for line in capfd.readouterr().out.splitlines()]
    assert events == ["shadow_failed", "shadow_refused"]


class Exponential:
    name = "exponential"

    def predict(self, matrix):
        return Answers([1.0, *[float("inf")] * (len(matrix) - 1)], None, None)


@pytest.mark.parametrize(("batch", "keys"), [(True, ["instances.1", "instances.2"]), (False, ["$"])])
def test_a_number_that_json_cannot_say_is_refused_by_row(model, batch, keys):
    records = Records()
    with pytest.raises(InvalidInput) as refused:
        predict_and_record(replace(model, engine=Exponential()), "stable", np.zeros((3, 5)), Request(), records, batch)
    assert list(refused.value.errors) == keys and records == []


def test_the_probabilities_of_all_classes_are_those_that_are_recorded(model):
    for wanted in (None, "false"):
        assert "probabilities" not in json.loads(ask(model, wanted=wanted)[0].content)
    given, _, records = ask(model, wanted="true")
    document = json.loads(given.content)
    assert document["probabilities"] == records[0].answers.probabilities[0].tolist()
    assert document["classes"] == [0, 1]
    assert document["probability"] == document["probabilities"][document["classes"].index(document["prediction"])]


@pytest.mark.parametrize("wanted", ["", "True", "1", "yes", "true "])
def test_a_parameter_that_is_neither_true_nor_false_is_named_beside_what_else_is_wrong(model, wanted):
    with pytest.raises(InvalidInput) as refused:
        ask(model, wanted=wanted)
    assert dict(refused.value.errors) == {"probabilities": ["Must be true or false."]}
    with pytest.raises(InvalidInput) as refused:
        ask(model, json.dumps(ROW | {"feature_4": "x"}).encode(), wanted=wanted)
    assert set(refused.value.errors) == {"probabilities", "feature_4"}
    assert refused.value.total == 2


def test_probabilities_of_a_model_without_any_are_refused_and_a_shadow_does_without(model):
    without = other_version(model, has_probabilities=False)
    with pytest.raises(InvalidInput) as refused:
        ask(without, wanted="true")
    assert list(refused.value.errors) == ["probabilities"]
    assert json.loads(ask(without, wanted="false")[0].content)["model_version"] == "other-1"
    given, _, records = ask(model, wanted="true", shadow=without)
    given.shadow()
    assert [record.role for record in records] == ["stable", "shadow"]
