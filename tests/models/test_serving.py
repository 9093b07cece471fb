"""The first load of a process: it has a deadline, and what comes later is still taken."""

import json
import os
import time

from service.models import manager

GRAPH = "model.onnx"


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
