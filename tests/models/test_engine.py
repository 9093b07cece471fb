"""ENGINE: which engine runs a version, and what is never unpickled."""

import json
import subprocess
import sys

import pytest

from service.models.manager import ModelManager
from service.settings import Settings
from tests.conftest import ROOT, clean_environment
from tests.models.conftest import FIRST, edit

ASK = """
import json, os, sys
from service.app import create_app
client = create_app().test_client()
health = client.get("/health")
row = {"feature_1": 0.1, "feature_2": 0.2, "feature_3": 0.3, "feature_4": 40, "feature_5": 5}
predicted = client.post("/predict", json=row)
unpicklers = sorted({"joblib", "sklearn", "pandas"} & set(sys.modules))
print(json.dumps([health.status_code, health.json.get("reason"), predicted.status_code, unpicklers]))
"""


@pytest.fixture
def load(artifacts, tmp_path):
    def load(**environment):
        given = {"ARTIFACTS_DIR": str(artifacts), "VAR_DIR": str(tmp_path / "var")}
        manager = ModelManager(Settings.read(given | environment))
        manager.refresh()
        return manager.loaded

    return load


@pytest.mark.parametrize(
    ("environment", "made_for", "runs"),
    [
        ({}, "onnx", "onnx"),
        ({"ENGINE": "auto"}, "sklearn", "sklearn"),
        ({"ENGINE": "onnx"}, "onnx", "onnx"),
        ({"ENGINE": "sklearn"}, "onnx", "sklearn"),
        ({"ENGINE": "sklearn"}, "sklearn", "sklearn"),
    ],
)
def test_the_graph_runs_where_there_is_one_unless_the_pipeline_is_wanted(load, artifacts, environment, made_for, runs):
    edit(artifacts / FIRST, engine=made_for)
    assert load(**environment).stable.engine.name == runs


@pytest.mark.parametrize("engine", ["sklearn", "ONNX", "", "torch"])
def test_without_a_graph_onnx_refuses_in_one_sentence_with_the_way_out(load, artifacts, engine):
    edit(artifacts / FIRST, engine=engine)
    loaded = load(ENGINE="onnx")
    assert loaded.stable is None
    (reason,) = loaded.reasons
    assert f"artifacts/{FIRST} has no graph" in reason and "Set ENGINE=auto, or train a model that compiles." in reason


def test_a_graph_that_is_not_there_is_not_replaced_by_the_pipeline(load, artifacts):
    (artifacts / FIRST / "model.onnx").unlink()
    for engine in ("onnx", "auto"):
        loaded = load(ENGINE=engine)
        assert loaded.stable is None and "model.onnx" in loaded.reasons[0]


@pytest.mark.process
@pytest.mark.parametrize(
    ("engine", "health", "predicted", "unpicklers"),
    [("onnx", 503, 503, []), ("auto", 200, 200, ["joblib", "pandas", "sklearn"])],
)
def test_no_manifest_makes_an_onnx_server_unpickle(artifacts, tmp_path, engine, health, predicted, unpicklers):
    edit(artifacts / FIRST, engine="sklearn")
    given = {"ARTIFACTS_DIR": str(artifacts), "VAR_DIR": str(tmp_path), "RECORDS": "off", "ENGINE": engine}
    run = subprocess.run(
        [sys.executable, "-c", ASK], cwd=ROOT, env=clean_environment() | given, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout.splitlines()[-1])
    assert [found[0], *found[2:]] == [health, predicted, unpicklers]
    assert (found[1] is None) == (health == 200)
