"""The models of a process: the first load has a deadline, and each application has its own."""

import json
import os
import shutil
import time

from service.models import manager
from tests.models.conftest import FIRST, edit

GRAPH = "model.onnx"
ROW = {"feature_1": 0.1, "feature_2": 0.2, "feature_3": 0.3, "feature_4": 40, "feature_5": 5}


def test_a_load_that_hangs_leaves_a_process_that_answers_and_serves_once_the_load_ends(
    make_client, artifacts, monkeypatch, capfd
):
    monkeypatch.setattr(manager, "LOAD_DEADLINE", 0.2)
    graph = artifacts / "random_forest-1" / GRAPH
    content = graph.read_bytes()
    graph.unlink()
    os.mkfifo(graph)  # who reads it waits for a writer, as on a network disk that is away
    client = make_client(ARTIFACTS_DIR=str(artifacts))
    health = client.get("/health")
    assert (health.status_code, health.json["reason"]) == (503, "no model has been loaded yet")
    events = [json.loads(line)["event"] for line in capfd.readouterr().out.splitlines()]
    assert events.count("model_load_slow") == 1
    graph.write_bytes(content)
    deadline = time.monotonic() + 60
    while client.get("/health").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_two_applications_of_one_process_have_models_and_limits_of_their_own(make_client, artifacts, tmp_path):
    shutil.copytree(artifacts / FIRST, artifacts / "other-1")
    edit(artifacts / "other-1", version="other-1")
    given = {"ARTIFACTS_DIR": str(artifacts), "RATE_LIMIT": "2/hour"}
    one = make_client(**given, MODEL_VERSION=FIRST, ENGINE="onnx", VAR_DIR=str(tmp_path / "one"))
    other = make_client(**given, MODEL_VERSION="other-1", ENGINE="sklearn", VAR_DIR=str(tmp_path / "other"))
    unlimited = make_client(ARTIFACTS_DIR=str(tmp_path / "empty"))
    for left in ("1", "0"):
        for client, version in ((one, FIRST), (other, "other-1")):
            answer = client.post("/predict", json=ROW)
            assert (answer.status_code, answer.headers["RateLimit-Remaining"]) == (200, left)
            assert answer.json["model_version"] == version
    assert [client.post("/predict", json=ROW).status_code for client in (one, other, unlimited)] == [429, 429, 503]
    assert [client.get("/health").json.get("engine") for client in (one, other)] == ["onnx", "sklearn"]
