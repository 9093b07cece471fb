"""The models of a process: the first load has a deadline, and each application has its own."""

import hashlib
import json
import os
import shutil
import threading

import pytest

from inference.routing import Routing, write_routing
from service.models import manager
from tests.conftest import until
from tests.models.conftest import FIRST, edit

GRAPH = "model.onnx"
ROW = {"feature_1": 0.1, "feature_2": 0.2, "feature_3": 0.3, "feature_4": 40, "feature_5": 5}


def _endless(graph):
    """Put a graph in its place that computes for seconds: a loop of additions."""
    from onnx import TensorProto, helper

    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("Add", ["x", "x"], ["y"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x", TensorProto.DOUBLE, ["n", 5]),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("y", TensorProto.DOUBLE, ["n", 5]),
        ],
    )
    nodes = [
        helper.make_node("Constant", [], ["times"], value=helper.make_tensor("t", TensorProto.INT64, [], [2**21])),
        helper.make_node("Constant", [], ["yes"], value=helper.make_tensor("b", TensorProto.BOOL, [], [True])),
        helper.make_node("Loop", ["times", "yes", "rows"], ["value"], body=body),
    ]
    made = helper.make_graph(
        nodes,
        "endless",
        [helper.make_tensor_value_info("rows", TensorProto.DOUBLE, ["n", 5])],
        [helper.make_tensor_value_info("value", TensorProto.DOUBLE, ["n", 5])],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    graph.write_bytes(model.SerializeToString())
    manifest = json.loads((graph.parent / "manifest.json").read_bytes())
    files = manifest["files"] | {graph.name: hashlib.sha256(graph.read_bytes()).hexdigest()}
    edit(graph.parent, files=files)


def test_a_graph_that_does_not_end_is_reported_and_another_version_is_followed_meanwhile(
    make_client, artifacts, monkeypatch
):
    monkeypatch.setattr(manager, "LOAD_SECONDS", 0.3)
    shutil.copytree(artifacts / FIRST, artifacts / "endless-1")
    edit(artifacts / "endless-1", version="endless-1")
    _endless(artifacts / "endless-1" / GRAPH)
    write_routing(artifacts, Routing("endless-1"))
    client = make_client(ARTIFACTS_DIR=str(artifacts))
    health = client.get("/health")
    assert health.status_code == 503 and "was not loaded within" in health.json["reason"]
    write_routing(artifacts, Routing(FIRST))
    until(lambda: client.get("/health").status_code == 200)
    assert client.post("/predict", json=ROW).status_code == 200
    until(lambda: not any(thread.name == "load" for thread in threading.enumerate()))


def test_a_load_that_is_slow_is_served_once_it_ends(make_client, artifacts, monkeypatch):
    monkeypatch.setattr(manager, "LOAD_SECONDS", 0.0)
    client = make_client(ARTIFACTS_DIR=str(artifacts))
    until(lambda: client.get("/health").status_code == 200)
    assert client.get("/health").json["status"] == "healthy"


@pytest.mark.parametrize("name", ["model.onnx", "golden.json", "manifest.json", "../routing.json"])
@pytest.mark.parametrize("thing", ["pipe", "/dev/zero", "folder"])
def test_what_is_no_file_in_the_place_of_one_is_reported_at_once_and_a_restored_file_is_served(
    make_client, artifacts, name, thing
):
    path = artifacts / FIRST / name
    content = path.read_bytes()
    path.unlink()
    if thing == "pipe":
        os.mkfifo(path)
    elif thing == "folder":
        path.mkdir()
    else:
        path.symlink_to(thing)
    client = make_client(ARTIFACTS_DIR=str(artifacts))
    assert client.get("/health").status_code == 503
    path.rmdir() if thing == "folder" else path.unlink()
    path.write_bytes(content)
    until(lambda: client.get("/health").status_code == 200)


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
