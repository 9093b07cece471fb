"""deploy/retrain/: the whole loop, from records and outcomes to a version that serves; and its samples."""

import json
import shutil
import sqlite3
import subprocess
import sys

import pytest
import yaml

from inference.manifest import Manifest
from service.app import create_app
from service.settings import Settings
from tests.conftest import ROOT, clean_environment, until
from tests.models.conftest import FIRST
from tests.models.test_trusted_keys import make_key
from tests.services import program

SAMPLES = ROOT / "deploy" / "retrain"
ROWS = 600


@pytest.fixture
def recorded(artifacts, tmp_path):
    """A service's settings, and records of its predictions with outcomes: the label is the sign of feature_1."""
    environment = {"ARTIFACTS_DIR": str(artifacts), "VAR_DIR": str(tmp_path / "var")}
    client = create_app(Settings.read(environment)).test_client()
    rows = [
        {
            "feature_1": (place % 41 - 20) / 10,
            "feature_2": (place % 7) / 3,
            "feature_3": (place % 11) / -5,
            "feature_4": float(place % 100),
            "feature_5": place % 10 + 1,
        }
        for place in range(ROWS)
    ]
    made = client.post("/predict/batch", json={"instances": rows}).json["prediction_id"]
    until(lambda: _count(tmp_path, "predictions") == ROWS, 600)
    outcomes = [
        {"prediction_id": made, "row": place, "outcome": int(row["feature_1"] > 0)} for place, row in enumerate(rows)
    ]
    assert client.post("/feedback", json={"outcomes": outcomes}).status_code in (200, 201)
    return environment


def _count(tmp_path, table):
    try:
        with sqlite3.connect(tmp_path / "var" / "predictions.db") as database:
            return database.execute(f"select count(*) from {table}").fetchone()[0]
    except sqlite3.OperationalError:
        return 0


def _job(environment, *arguments):
    command = [sys.executable, "-m", "deploy.retrain.job", *arguments]
    given = clean_environment() | environment
    return subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True)


@pytest.mark.process
@pytest.mark.slow
def test_from_records_to_a_version_that_serves_signed_and_only_when_told(recorded, artifacts, tmp_path):
    key, public = make_key(tmp_path, "ours")
    quick = ("--min-rows", "200", "--model", "logistic_regression", "--key", str(key))
    published = _job(recorded, *quick, "--", "--no-card", "--name", "again")
    assert published.returncode == 0, published.stdout + published.stderr
    assert "again-1 is published" in published.stdout and "flask models rollout again-1" in published.stdout
    assert json.loads((artifacts / "routing.json").read_bytes())["stable"] == FIRST
    assert Manifest.read(artifacts / "again-1").contract.names == Manifest.read(artifacts / FIRST).contract.names
    trusting = recorded | {"TRUSTED_KEYS": str(public)}
    unsigned = _job(trusting, *quick)
    assert unsigned.returncode == 1 and f"{FIRST} has no model.sig" in unsigned.stderr
    sign = [sys.executable, "-m", "flask", "models", "sign", FIRST, "--key", str(key)]
    subprocess.run(sign, cwd=ROOT, env=clean_environment() | recorded, check=True, capture_output=True)
    promoted = _job(trusting, *quick, "--promote", "--", "--no-card", "--name", "again")
    assert promoted.returncode == 0, promoted.stdout + promoted.stderr
    assert json.loads((artifacts / "routing.json").read_bytes())["stable"] == "again-2"


@pytest.mark.process
def test_too_few_outcomes_are_nothing_to_do_and_no_stable_version_is_refused(recorded, artifacts):
    few = _job(recorded, "--min-rows", "100000")
    assert few.returncode == 0 and "Nothing to do: 600 rows" in few.stdout
    (artifacts / "routing.json").unlink()
    refused = _job(recorded)
    assert refused.returncode == 1 and "Promote one first" in refused.stderr
    assert _job(recorded, "--promote", "--rollout").returncode == 2


@pytest.mark.process
def test_systemd_takes_the_units(tmp_path):
    analyze = program("systemd-analyze", "systemd")
    home = tmp_path / "home"
    (home / ".venv" / "bin").mkdir(parents=True)
    shutil.copy("/bin/true", home / ".venv" / "bin" / "python")
    for name in ("tabular-retrain.service", "tabular-retrain.timer"):
        (tmp_path / name).write_text((SAMPLES / name).read_text().replace("/opt/tabular-serving", str(home)))
    units = [str(tmp_path / name) for name in ("tabular-retrain.service", "tabular-retrain.timer")]
    run = subprocess.run([analyze, "verify", "--man=no", *units], capture_output=True, text=True, timeout=60)
    reported = [line for line in run.stderr.splitlines() if "tabular-retrain" in line]
    assert (run.returncode, reported) == (0, [])


@pytest.mark.parametrize("name", ["cronjob.yaml", "github-workflow.yml"])
def test_the_samples_run_the_job_and_promote_nothing(name):
    text = (SAMPLES / name).read_text()
    document = yaml.safe_load(text)
    assert document and "deploy.retrain.job" in text
    assert "--promote" not in text and "--rollout" not in text
