"""MODEL_URI, with the real MLflow where it is installed: a registry in files, and a server where there is one."""

import importlib.util
import os
import shutil
import subprocess
import sys

import pytest

from service.models import mlflow_registry
from service.models.manager import ModelManager
from service.settings import Settings
from tests.conftest import ROOT, free_port, until
from tests.models.conftest import FIRST, edit

needs_mlflow = pytest.mark.skipif(
    importlib.util.find_spec("mlflow") is None, reason="MLflow is not installed (Python package mlflow-skinny)"
)
LOG = """
import sys
import mlflow, numpy as np, pandas as pd
from mlflow.models import infer_signature
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, FunctionTransformer

kind = sys.argv[1]
frame = pd.DataFrame({"age": np.arange(60.0) % 37, "city": ["a", "b", "c"] * 20, "n": np.arange(60) % 5})
target = (frame.age > 18).astype(int)
steps = [("city", OneHotEncoder(), ["city"]), ("numbers", StandardScaler(), ["age", "n"])]
if kind == "unlisted":
    steps[0] = ("city", FunctionTransformer(lambda column: column == "a"), ["city"])
model = Pipeline([("columns", ColumnTransformer(steps)), ("model", LogisticRegression())]).fit(frame, target)
more = {} if kind == "unsigned" else {"input_example": frame.head(4), "signature": infer_signature(frame, target)}
form = {"skops": "skops", "unlisted": "cloudpickle"}.get(kind, "pickle")
mlflow.sklearn.log_model(model, name="m", registered_model_name="churn", serialization_format=form, **more)
client = mlflow.MlflowClient()
newest = max(int(version.version) for version in client.search_model_versions("name = 'churn'"))
client.set_registered_model_alias("churn", "live", str(newest))
"""


@pytest.fixture
def make_manager(tmp_path):
    def make(uri, **environment):
        settings = Settings.read({"MODEL_URI": uri, "VAR_DIR": str(tmp_path / "var")} | environment)
        return ModelManager(settings)

    return make


@pytest.fixture
def at_once(monkeypatch):
    """Each refresh looks at the registry."""
    monkeypatch.setattr(mlflow_registry, "FOLLOW_SECONDS", 0.0)
    monkeypatch.setattr(mlflow_registry, "REFUSED_SECONDS", 0.0)


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A registry in files."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"file://{tmp_path}/mlruns")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A real MLflow server: that of this environment, or the program that MLFLOW_PROGRAM names."""
    found = os.environ.get("MLFLOW_PROGRAM") or (
        shutil.which("mlflow") if importlib.util.find_spec("graphene") else None
    )
    if not found:
        pytest.skip("an MLflow server is not installed (Python package mlflow)")
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [found, "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += [
        "--backend-store-uri",
        f"sqlite:///{tmp_path}/mlflow.db",
        "--artifacts-destination",
        str(tmp_path / "a"),
    ]
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # its jobs are a dozen processes
    with (tmp_path / "mlflow.log").open("wb") as output:
        process = subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    yield address, process
    os.killpg(process.pid, 15)
    process.wait(60)


def _register(folder, alias="live"):
    command = [sys.executable, "-m", "training", "register", str(folder), "churn", "--alias", alias]
    subprocess.run(command, check=True, cwd=ROOT)


def _log(kind):
    subprocess.run([sys.executable, "-c", LOG, kind], check=True)


def _refreshed(manager):
    manager.refresh()
    stable = manager.loaded.stable
    return stable.version if stable else None, " ".join(manager.loaded.reasons)


@pytest.mark.skipif(importlib.util.find_spec("mlflow") is not None, reason="MLflow is installed")
@pytest.mark.parametrize("uri", ["models:/churn/1", "models:/churn@live"])
def test_without_mlflow_the_way_out_is_named(make_manager, uri):
    assert "pip install mlflow-skinny" in _refreshed(make_manager(uri))[1]


@pytest.mark.slow
@needs_mlflow
def test_a_registered_version_is_fetched_once_and_served(make_manager, trained, store, monkeypatch):
    _register(trained / FIRST)
    assert _refreshed(make_manager("models:/churn/1")) == (FIRST, "")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert _refreshed(make_manager("models:/churn/1")) == (FIRST, "")
    assert "MODEL_URI=models:/churn/2" in _refreshed(make_manager("models:/churn/2"))[1]


def _follows(make_manager, artifacts, monkeypatch):
    """An alias is followed; without it, and without the registry, the last good version stays."""
    import mlflow

    shutil.copytree(artifacts / FIRST, artifacts / "second-1")
    edit(artifacts / "second-1", version="second-1")
    _register(artifacts / FIRST)
    manager = make_manager("models:/churn@live")
    assert _refreshed(manager) == (FIRST, "")
    _register(artifacts / "second-1")
    assert _refreshed(manager) == ("second-1", "")
    mlflow.MlflowClient().delete_registered_model_alias("churn", "live")
    version, reason = _refreshed(manager)
    assert version == "second-1" and "MODEL_URI=models:/churn@live" in reason
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert _refreshed(manager)[0] == "second-1"
    version, reason = _refreshed(make_manager("models:/churn@live"))
    assert version == "second-1" and "does not answer" in reason


@pytest.mark.slow
@needs_mlflow
def test_an_alias_in_files_is_followed_and_the_last_good_version_stays(
    make_manager, artifacts, store, at_once, monkeypatch
):
    _follows(make_manager, artifacts, monkeypatch)


@pytest.mark.slow
@pytest.mark.process
@needs_mlflow
def test_an_alias_of_a_server_is_followed_and_the_last_good_version_stays(
    make_manager, artifacts, server, at_once, monkeypatch
):
    from service.models.mlflow_rest import latest_of_alias

    def answers():
        try:
            return latest_of_alias("none", "none")
        except LookupError as exc:
            return "says 404" in str(exc)

    until(answers, 600)
    _follows(make_manager, artifacts, monkeypatch)


@pytest.mark.slow
@needs_mlflow
@pytest.mark.parametrize("kind", ["pickle", "skops"])
def test_a_plain_model_is_packed_on_arrival_unless_nothing_may_be_unpickled(
    make_manager, store, at_once, kind, tmp_path
):
    if kind == "skops":
        pytest.importorskip("skops", reason="skops is not installed (Python package skops)")
    _log(kind)
    manager = make_manager("models:/churn@live")
    assert _refreshed(manager) == ("churn-1", "")
    model = manager.loaded.stable.manifest
    assert [(feature.name, feature.type) for feature in model.contract.features] == [
        ("age", "number"),
        ("city", "category"),
        ("n", "integer"),
    ]
    assert model.contract.features[1].choices == ("a", "b", "c") and model.metrics == {}
    version, reason = _refreshed(make_manager("models:/churn@live", ENGINE="onnx", VAR_DIR=str(tmp_path / "other")))
    assert version is None and "ENGINE=onnx is set" in reason
    keys = str(ROOT / "tests" / "cases" / "trusted.pem")
    version, reason = _refreshed(make_manager("models:/churn@live", TRUSTED_KEYS=keys, VAR_DIR=str(tmp_path / "third")))
    assert version is None and "TRUSTED_KEYS is set" in reason


@pytest.mark.slow
@needs_mlflow
@pytest.mark.parametrize(
    ("kind", "sentence"), [("unsigned", "no signature"), ("unlisted", "column 'city' is of texts")]
)
def test_a_plain_model_that_does_not_tell_its_rows_is_refused_and_the_last_good_stays(
    make_manager, trained, store, at_once, kind, sentence
):
    _register(trained / FIRST)
    manager = make_manager("models:/churn@live")
    assert _refreshed(manager) == (FIRST, "")
    _log(kind)
    version, reason = _refreshed(manager)
    assert version == FIRST and sentence in reason and "version 2 is refused" in reason


@pytest.mark.slow
@needs_mlflow
def test_training_registers_run_metrics_and_signature(store, tmp_path):
    import mlflow

    environment = os.environ | {"ARTIFACTS_DIR": str(tmp_path / "artifacts")}
    command = [
        sys.executable,
        "-m",
        "training",
        "--no-card",
        "--model",
        "logistic_regression",
        "--register",
        "churn",
        "--alias",
        "live",
    ]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    client = mlflow.MlflowClient()
    version = client.get_model_version_by_alias("churn", "live")
    run = client.get_run(version.run_id)
    assert run.data.metrics["accuracy"] > 0.5 and run.data.tags["model_version"].startswith("logistic")
    place = mlflow.artifacts.download_artifacts(run_id=version.run_id, artifact_path="model")
    signature = mlflow.models.Model.load(place).signature
    assert signature.inputs.input_names()[:2] == ["feature_1", "feature_2"]
