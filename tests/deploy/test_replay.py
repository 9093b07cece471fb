"""deploy/docker/Dockerfile, step by step in an empty folder, with a new Python environment; what comes out serves.

It installs packages: `make full` alone runs it.
"""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.conftest import ROOT, Server, clean_environment, free_port
from tests.deploy.dockerfile import command, environment, replay
from tests.deploy.test_docker import ROW

pytestmark = [pytest.mark.process, pytest.mark.slow, pytest.mark.xdist_group("replay")]


@pytest.fixture(scope="module")
def images():
    """A folder that every user may enter, for the stages."""
    with tempfile.TemporaryDirectory(prefix="replay-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def run(images, trained):
    """Factory: ``run(stage, BIND="...")`` starts the stage's CMD, as this user."""
    started = []

    def start(stage, **given):
        root = replay(stage, images)
        inside = root / "srv"
        var = images / f"var-{len(started)}-{stage}"
        var.mkdir()
        if not (inside / "artifacts" / "routing.json").exists():
            shutil.copytree(trained, inside / "artifacts", dirs_exist_ok=True)
        port = free_port()
        path = f"{root}/opt/venv/bin:{root}/usr/local/bin:{os.defpath}"
        own = {"PATH": path, "PORT": str(port), "VAR_DIR": str(var), "WEB_CONCURRENCY": "1"}
        kept = {name: value for name, value in clean_environment().items() if name in ("LANG", "TZ")}
        values = kept | environment(stage) | own | given
        log = images / f"log-{stage}-{port}"
        with log.open("wb") as output:
            process = subprocess.Popen(command(stage, "CMD"), cwd=inside, env=values, stdout=output, stderr=output)
        server = Server(process, f"http://127.0.0.1:{port}", log)
        started.append(server)
        server.until(lambda: bool(server.events("model_serving")), 180)
        return server, inside, values

    yield start
    for server in started:
        server.stop()


@pytest.mark.parametrize("stage", ["serving", "registry"])
def test_the_steps_of_a_stage_make_a_service_that_answers(run, stage):
    server, inside, given = run(stage)
    assert server.ask("/predict", ROW)[0] == 200
    server.until(lambda: 'records_total{state="shipped"} 1.0' in server.ask_text("/metrics"))
    assert subprocess.run(command(stage, "HEALTHCHECK"), cwd=inside, env=given, timeout=60).returncode == 0
    python = inside.parent / "opt/venv/bin/python"
    for module, there in (("pandas", False), ("sklearn", False), ("mlflow", stage == "registry")):
        run_of = subprocess.run([python, "-c", f"import {module}"], capture_output=True, timeout=120)
        assert (run_of.returncode == 0) is there, module


def test_the_steps_for_sagemaker_make_a_service_that_is_asked_as_sagemaker_asks(run, trained):
    server, *_ = run("sagemaker", SAGEMAKER_MODEL_DIR=str(trained), BIND=f"127.0.0.1:{(port := free_port())}")
    server.url = f"http://127.0.0.1:{port}"
    assert server.ask("/invocations", {"instances": [list(ROW.values())]})[0] == 200


def test_the_bill_of_materials_has_every_package_of_the_stage(tmp_path):
    script = ROOT / "deploy" / "docker" / "sbom.sh"
    for stage, wanted in (("serving", {"flask", "onnxruntime"}), ("training", {"flask", "scikit-learn", "pandas"})):
        out = tmp_path / f"{stage}.json"
        done = subprocess.run([script, stage, out], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        document = json.loads(out.read_text())
        assert document["bomFormat"] == "CycloneDX"
        listed = {one["name"].lower(): one["version"] for one in document["components"]}
        assert wanted <= listed.keys() and ("pandas" in listed) is (stage == "training")
    assert subprocess.run([script, "other", tmp_path / "x"], capture_output=True).returncode == 2
