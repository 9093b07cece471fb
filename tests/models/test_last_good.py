"""The last good version is kept as files in VAR_DIR, and serves whatever happens to the artifact."""

import os
import shutil
import signal

import pytest

from inference.manifest import Manifest
from inference.routing import Routing, write_routing
from service.models import repository
from service.models.manager import ModelManager
from service.models.repository import Repository
from service.settings import Settings
from tests.models.conftest import FIRST, edit

ROW = {"feature_1": 0.5, "feature_2": 1.2, "feature_3": -0.3, "feature_4": 75.5, "feature_5": 5}


@pytest.fixture
def make_manager(artifacts, tmp_path):
    def make(**environment):
        given = {"ARTIFACTS_DIR": str(artifacts), "VAR_DIR": str(tmp_path / "var"), "RECORDS": "off"} | environment
        manager = ModelManager(Settings.read(given))
        manager.refresh()
        return manager

    return make


def _damage(folder):
    for name in ("model.onnx", "pipeline.joblib"):
        (folder / name).write_bytes(b"broken")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda root: _damage(root / FIRST),
        lambda root: shutil.rmtree(root / FIRST),
        lambda root: shutil.rmtree(root),
        lambda root: (root / FIRST / "manifest.json").write_text("{"),
        lambda root: (root / "routing.json").write_text("{"),
        lambda root: write_routing(root, Routing("never-1")),
    ],
)
@pytest.mark.parametrize("pin", ["", FIRST])
def test_a_worker_that_starts_later_serves_the_copy_and_says_why(artifacts, make_manager, spoil, pin):
    make_manager(MODEL_VERSION=pin)
    spoil(artifacts)
    loaded = make_manager(MODEL_VERSION=pin).loaded
    assert loaded.stable.version == FIRST
    if not (
        pin and (artifacts / FIRST / "model.onnx").exists() and (artifacts / FIRST / "model.onnx").stat().st_size > 9
    ):
        assert loaded.reasons


def test_the_reason_says_that_the_copy_is_served_and_a_restored_artifact_ends_it(artifacts, make_manager):
    make_manager()
    shutil.move(artifacts / FIRST, artifacts.parent / "aside")
    manager = make_manager()
    assert f"The copy of {FIRST} in VAR_DIR is served." in manager.loaded.reasons
    manager.refresh()
    assert manager.loaded.reasons, "it is still degraded at the next look"
    shutil.move(artifacts.parent / "aside", artifacts / FIRST)
    manager.refresh()
    assert (manager.loaded.stable.version, manager.loaded.reasons) == (FIRST, ())


def test_a_registered_model_is_kept_too_and_serves_for_its_own_address_alone(registered, make_manager):
    root = registered("churn%2F3")
    assert make_manager(MODEL_URI="models:/churn/3").loaded.stable.version == "registered-7"
    _damage(root / "registered-7")
    loaded = make_manager(MODEL_URI="models:/churn/3").loaded
    assert loaded.stable.version == "registered-7" and loaded.reasons
    shutil.rmtree(root)
    assert make_manager(MODEL_URI="models:/churn/3").loaded.stable.version == "registered-7"
    assert make_manager(MODEL_URI="models:/churn/4").loaded.stable is None


def test_a_damaged_copy_is_refused_and_made_anew_from_a_good_artifact(artifacts, make_manager, tmp_path):
    make_manager()
    copy = tmp_path / "var" / "last_good" / FIRST
    _damage(copy)
    shutil.move(artifacts / FIRST, artifacts.parent / "aside")
    manager = make_manager()
    assert manager.loaded.stable is None
    shutil.move(artifacts.parent / "aside", artifacts / FIRST)
    manager.refresh()
    assert manager.loaded.reasons == ()
    assert (copy / "model.onnx").stat().st_size > 100


def test_one_copy_is_kept_that_of_the_version_served_last(artifacts, make_manager, tmp_path):
    make_manager()
    shutil.copytree(artifacts / FIRST, artifacts / "second-1")
    edit(artifacts / "second-1", version="second-1")
    write_routing(artifacts, Routing("second-1"))
    make_manager()
    assert [path.name for path in (tmp_path / "var" / "last_good").iterdir()] == ["second-1"]


@pytest.mark.parametrize("has_older", [False, True])
def test_a_process_that_dies_right_after_the_copy_leaves_one_that_serves(
    artifacts, make_manager, monkeypatch, has_older
):
    def rename_and_die(self, target):
        shutil.move(self, target)
        raise KeyboardInterrupt

    if has_older:
        make_manager()
        shutil.copytree(artifacts / FIRST, artifacts / "second-1")
        edit(artifacts / "second-1", version="second-1")
        write_routing(artifacts, Routing("second-1"))
    monkeypatch.setattr(repository.Path, "rename", rename_and_die)
    with pytest.raises(KeyboardInterrupt):
        make_manager()
    monkeypatch.undo()
    shutil.rmtree(artifacts)
    assert make_manager().loaded.stable.version == FIRST


def test_an_artifact_that_is_too_large_is_noted_by_name_alone(artifacts, make_manager, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(repository, "COPY_BYTES", 100)
    manager = make_manager()
    manager.refresh()
    assert capfd.readouterr().out.count("last_good_not_kept") == 1
    assert Repository(manager._settings).last_good() == FIRST
    assert list((tmp_path / "var" / "last_good").iterdir()) == []


def test_a_copy_that_another_process_is_making_is_left_to_it(artifacts, make_manager, tmp_path):
    manager = make_manager()
    shutil.rmtree(tmp_path / "var" / "last_good")
    owner = Repository(manager._settings)
    owner.keep_last_good(Manifest.read(artifacts / FIRST))
    assert (tmp_path / "var" / "last_good" / FIRST / "manifest.json").exists()


@pytest.mark.process
def test_predictions_go_on_after_any_restart_when_the_artifact_has_gone_bad(serve, artifacts):
    server = serve(ARTIFACTS_DIR=str(artifacts), WEB_CONCURRENCY="2")
    server.until_serving(2)
    before = server.ask("/predict", ROW)[1]
    copy = artifacts.parent / "var" / "last_good" / FIRST / "manifest.json"
    server.until(copy.exists)
    _damage(artifacts / FIRST)
    for worker in server.workers:
        os.kill(worker, signal.SIGKILL)
        server.until(lambda worker=worker: worker not in server.workers and len(server.workers) == 2)
    server.until(lambda: {*server.workers} <= {line["pid"] for line in server.events("last_good_served")})
    server.stop()
    server = serve(ARTIFACTS_DIR=str(artifacts), WEB_CONCURRENCY="2")
    server.until_serving(2)
    status, health = server.ask("/health")
    assert (status, health["status"]) == (200, "degraded")
    assert "The copy of" in health["reason"] and "SHA-256" in health["reason"]
    assert "model_degraded 2.0" in server.ask_text("/metrics")
    answer = server.ask("/predict", ROW)[1]
    assert [answer[name] for name in ("prediction", "probability", "model_version")] == [
        before[name] for name in ("prediction", "probability", "model_version")
    ]
