"""MODEL_URI, with the real MLflow where it is installed."""

import importlib.util
import os
import subprocess
import sys

import pytest

from service.models.manager import ModelManager
from service.settings import Settings

REGISTER = """
import mlflow, sys
with mlflow.start_run() as run:
    mlflow.log_artifacts(sys.argv[1], "model")
client = mlflow.MlflowClient()
client.create_registered_model("churn")
client.create_model_version("churn", f"{run.info.artifact_uri}/model", run.info.run_id)
"""


@pytest.fixture
def make_manager(tmp_path):
    def make(uri):
        settings = Settings.read({"MODEL_URI": uri, "VAR_DIR": str(tmp_path / "var")})
        return ModelManager(settings)

    return make


@pytest.mark.skipif(importlib.util.find_spec("mlflow") is not None, reason="MLflow is installed")
def test_without_mlflow_the_way_out_is_named(make_manager):
    manager = make_manager("models:/churn/1")
    manager.refresh()
    assert "pip install mlflow-skinny" in manager.loaded.reasons[0]


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("mlflow") is None, reason="MLflow is not installed (Python package mlflow-skinny)"
)
def test_a_registered_version_is_fetched_once_and_served(make_manager, trained, tmp_path, monkeypatch):
    store = f"file://{tmp_path}/mlruns"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    subprocess.run([sys.executable, "-c", REGISTER, str(trained / "random_forest-1")], check=True, env=os.environ)
    manager = make_manager("models:/churn/1")
    manager.refresh()
    assert manager.loaded.stable is not None, manager.loaded.reasons
    assert manager.loaded.stable.version == "random_forest-1"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    again = make_manager("models:/churn/1")
    again.refresh()
    assert again.loaded.stable.version == "random_forest-1"
    other = make_manager("models:/churn/2")
    other.refresh()
    assert "MODEL_URI=models:/churn/2" in other.loaded.reasons[0]
