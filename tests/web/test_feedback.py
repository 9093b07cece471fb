"""POST /feedback and GET /model/performance, through the app."""

import json
import shutil

import pytest

from inference.manifest import MANIFEST, digest
from service.records import recorder
from service.records.shipper import supervisor

pytestmark = pytest.mark.slow

ROW = {"feature_1": 0.1, "feature_2": 0.2, "feature_3": 0.3, "feature_4": 40.0, "feature_5": 5}


@pytest.fixture
def flask_kind():
    """These tests are slow, and about the records: one kind of application is enough."""


@pytest.fixture
def client(make_client):
    yield make_client(RECORDS="on")
    recorder.close_all()


@pytest.fixture
def unshipped(monkeypatch):
    """Records stay in the spool until the test ships them."""
    monkeypatch.setattr(supervisor, "start", lambda *_: None)
    yield lambda client: ship(monkeypatch, client)
    recorder.close_all()


def ship(monkeypatch, client):
    monkeypatch.undo()
    recorder.close_all()
    supervisor.drain(client.application.settings, seconds=60)


def predict(client, rows=0):
    path, document = ("/predict/batch", {"instances": [ROW] * rows}) if rows else ("/predict", ROW)
    with client.post(path, json=document) as answer:
        return answer.get_json()


def report(client, **outcome):
    answer = client.post("/feedback", json=outcome)
    return answer.status_code, answer.get_json()


def live(client, query=""):
    answer = client.get(f"/model/performance{query}")
    return answer.status_code, answer.get_json()


def test_an_outcome_is_new_then_known_and_another_one_a_conflict(client, unshipped):
    prediction_id = predict(client)["prediction_id"]
    assert report(client, prediction_id=prediction_id, outcome=1) == (201, {"count": 1, "created": 1})
    assert report(client, prediction_id=prediction_id, outcome=1) == (200, {"count": 1, "created": 0})
    status, problem = report(client, prediction_id=prediction_id, row=0, outcome=0)
    assert (status, problem["type"]) == (409, "urn:problem:conflict")


def test_an_outcome_may_come_before_its_record_was_shipped_or_after(client, unshipped):
    first, second = predict(client), predict(client)
    assert report(client, prediction_id=first["prediction_id"], outcome=first["prediction"])[0] == 201
    assert live(client)[1]["versions"] == []
    unshipped(client)
    assert report(client, prediction_id=first["prediction_id"], outcome=first["prediction"])[0] == 200
    assert report(client, prediction_id=second["prediction_id"], outcome=1 - second["prediction"])[0] == 201
    (version,) = live(client)[1]["versions"]
    assert version["model_version"] == first["model_version"]
    assert (version["predictions"], version["outcomes"], version["accuracy"]) == (2, 2, 0.5)
    assert sum(map(sum, version["confusion"]["matrix"])) == 2


def test_an_unknown_prediction_is_not_found(client, unshipped):
    predict(client)
    for key in ("00000000-0000-4000-8000-000000000000", 'nobody"s', "x" * 64):
        assert report(client, prediction_id=key, outcome=1)[0] == 404


def test_a_row_beyond_the_batch_is_not_found(client, unshipped):
    prediction_id = predict(client, 3)["prediction_id"]
    assert report(client, prediction_id=prediction_id, row=2, outcome=1)[0] == 201
    assert report(client, prediction_id=prediction_id, row=3, outcome=1)[0] == 404


def test_an_outcome_that_is_no_label_of_the_model_is_named(client, unshipped):
    prediction_id = predict(client)["prediction_id"]
    for outcome in ("1", True, 2, 1.5):
        status, problem = report(client, prediction_id=prediction_id, outcome=outcome)
        assert status == 422 and list(problem["errors"]) == ["outcome"]


def test_a_number_is_a_label_however_it_is_written(client, unshipped):
    prediction_id = predict(client)["prediction_id"]
    assert report(client, prediction_id=prediction_id, outcome=1.0)[0] == 201
    assert report(client, prediction_id=prediction_id, outcome=1)[0] == 200


def test_a_batch_of_outcomes_is_recorded_whole_or_not_at_all(client, unshipped):
    prediction_id = predict(client, 3)["prediction_id"]

    def outcomes(*pairs):
        return {
            "outcomes": [{"prediction_id": prediction_id, "row": row, "outcome": outcome} for row, outcome in pairs]
        }

    status, problem = report(client, **outcomes((0, 1), (9, 1)))
    assert status == 404 and "outcomes.1.prediction_id" in problem["detail"]
    status, problem = report(client, **outcomes((0, 1), (1, "maybe")))
    assert status == 422 and list(problem["errors"]) == ["outcomes.1.outcome"]
    status, problem = report(client, **outcomes((0, 1), (0, 0)))
    assert status == 409 and "outcomes.1.outcome" in problem["detail"]
    assert report(client, **outcomes((0, 1), (1, 0))) == (201, {"count": 2, "created": 2})
    assert report(client, **outcomes((0, 1), (1, 0), (2, 0))) == (201, {"count": 3, "created": 1})


def test_without_a_database_feedback_says_so_and_predictions_go_on(make_client, tmp_path, unshipped):
    (tmp_path / "file").write_text("where a folder should be")
    client = make_client(RECORDS="on", DATABASE_URL=f"sqlite:///{tmp_path}/file/records.db")
    prediction_id = predict(client)["prediction_id"]
    status, problem = report(client, prediction_id=prediction_id, outcome=1)
    assert (status, problem["type"]) == (503, "urn:problem:records-unavailable")
    assert live(client)[0] == 503
    assert predict(client)["prediction_id"] != prediction_id


def test_a_malformed_window_is_named(client):
    status, problem = live(client, "?window=1w")
    assert status == 422 and list(problem["errors"]) == ["window"]


def test_a_version_without_records_is_unknown_unless_it_is_loaded(client):
    version = client.get("/model/info").get_json()["model_version"]
    assert live(client, f"?model_version={version}")[1]["versions"] == []
    assert live(client, "?model_version=forest-99")[0] == 404
    assert live(client, "?model_version=")[0] == 404


def test_a_shadow_is_judged_by_the_same_outcome(make_client, artifacts, unshipped):
    (stable,) = [folder.name for folder in artifacts.iterdir() if folder.is_dir() and folder.name[0] != "."]
    shutil.copytree(artifacts / stable, artifacts / "shadow-1")
    document = json.loads((artifacts / "shadow-1" / MANIFEST).read_text()) | {"version": "shadow-1"}
    (artifacts / "shadow-1" / MANIFEST).write_text(json.dumps(document | {"sha256": digest(document)}))
    (artifacts / "routing.json").write_text(json.dumps({"stable": stable, "shadow": "shadow-1"}))
    client = make_client(RECORDS="on", ARTIFACTS_DIR=str(artifacts))
    answer = predict(client, 2)
    outcomes = [{"prediction_id": answer["prediction_id"], "row": row, "outcome": 1} for row in range(2)]
    assert report(client, outcomes=outcomes)[0] == 201
    unshipped(client)
    versions = live(client)[1]["versions"]
    assert [(one["model_version"], one["predictions"], one["outcomes"]) for one in versions] == [
        (stable, 2, 2),
        ("shadow-1", 2, 2),
    ]
