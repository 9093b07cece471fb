"""TRUSTED_KEYS on every road by which an artifact is read to answer: unsigned it is refused in one sentence."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from inference.routing import Routing, write_routing
from inference.routing_history import Change, append_change
from scoring.refusals import ScoringError
from scoring.spark import predict_batches
from service.models.manager import ModelManager
from service.settings import Settings
from tests.conftest import ROOT, clean_environment
from tests.models.conftest import FIRST, edit
from tests.models.test_trusted_keys import STRANGER, make_key

pytest.importorskip("model_signing", reason="model signing is not installed (Python package model-signing)")
pytestmark = [pytest.mark.process, pytest.mark.slow]
OTHER = "other-1"
REFUSED = "has no model.sig, and TRUSTED_KEYS is set. Sign it"
ROADS = {
    "a file": ("scoring", "{rows}", "{own}/out.csv"),
    "a file, a folder": ("scoring", "{rows}", "{own}/out.csv", "--artifact", "{root}/" + OTHER),
    "a file, two processes": ("scoring", "{rows}", "{own}/out.csv", "--workers", "2", "--chunk", "2"),
    "verify": ("training", "verify", "{root}/" + FIRST),
    "compare": ("training", "compare", "{root}/" + FIRST, "{root}/" + OTHER, "--data", "{rows}"),
    "models verify": ("flask", "models", "verify", FIRST),
    "models compare": ("flask", "models", "compare", FIRST, OTHER, "--data", "{rows}"),
    "promote": ("flask", "models", "promote", OTHER),
    "canary": ("flask", "models", "promote", OTHER, "--canary", "0.1"),
    "rollback": ("flask", "models", "rollback"),
    "rollout": ("flask", "models", "rollout", OTHER),
    "retrain": ("deploy.retrain.job",),
}


@pytest.fixture(scope="module")
def place(trained, tmp_path_factory):
    """Two versions that nobody has signed, one of them stable after a promotion, and a table of valid rows."""
    own = tmp_path_factory.mktemp("roads")
    root = own / "artifacts"
    shutil.copytree(trained, root)
    shutil.copytree(root / FIRST, root / OTHER)
    edit(root / OTHER, version=OTHER)
    write_routing(root, Routing(FIRST))
    for before, after in ((FIRST, OTHER), (OTHER, FIRST)):
        documents = Routing(before).to_json(), Routing(after).to_json()
        append_change(root, Change("2026-01-01T00:00:00.000Z", "somebody", f"promote {after}", "", *documents))
    golden = json.loads((root / FIRST / "golden.json").read_bytes())["rows"][:6]
    names = [f"feature_{number}" for number in range(1, 6)]
    lines = [",".join(names), *(",".join(map(repr, row)) for row in golden)]
    (own / "rows.csv").write_text("\n".join(lines) + "\n")
    return own


def _run(place, road, keys):
    named = {"root": place / "artifacts", "rows": place / "rows.csv", "own": place}
    command = [sys.executable, "-m", *(argument.format(**named) for argument in ROADS[road])]
    given = {"ARTIFACTS_DIR": str(place / "artifacts"), "VAR_DIR": str(place / "var"), "TRUSTED_KEYS": keys}
    return subprocess.run(
        command, cwd=ROOT, env=clean_environment() | given, capture_output=True, text=True, timeout=600
    )


@pytest.mark.parametrize("road", ROADS)
def test_no_command_answers_by_an_artifact_that_nobody_signed(place, road):
    before = (place / "artifacts" / "routing.json").read_bytes()
    run = _run(place, road, STRANGER)
    assert run.returncode == 1, run.stdout + run.stderr
    said = run.stdout + run.stderr
    assert REFUSED in said and "Traceback" not in said, said
    assert not (place / "out.csv").exists()
    assert (place / "artifacts" / "routing.json").read_bytes() == before


def test_signed_by_a_trusted_key_the_commands_answer(place, tmp_path):
    key, public = make_key(tmp_path, "ours")
    own = tmp_path / "own"
    shutil.copytree(place, own)
    for version in (FIRST, OTHER):
        sign = [sys.executable, "-m", "flask", "models", "sign", version, "--key", str(key)]
        given = clean_environment() | {"ARTIFACTS_DIR": str(own / "artifacts"), "VAR_DIR": str(own / "var")}
        subprocess.run(sign, cwd=ROOT, env=given, check=True, capture_output=True)
    for road in ("a file, a folder", "verify", "compare"):
        run = _run(own, road, str(public))
        assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("named", [{}, {"MODEL_VERSION": OTHER}, {"MODEL_URI": "models:/churn/3"}], ids=str)
def test_no_server_answers_by_an_artifact_that_nobody_signed(place, named, tmp_path, registered):
    registered("churn%2F3")
    given = {"ARTIFACTS_DIR": str(place / "artifacts"), "VAR_DIR": str(tmp_path / "var"), "RECORDS": "off"}
    manager = ModelManager(Settings.read(given | named | {"TRUSTED_KEYS": STRANGER}))
    manager.refresh()
    assert manager.loaded.stable is None
    assert any(REFUSED in reason for reason in manager.loaded.reasons)


def test_no_executor_of_spark_answers_by_an_artifact_that_nobody_signed(place, monkeypatch):
    monkeypatch.setenv("TRUSTED_KEYS", STRANGER)
    with pytest.raises(ScoringError, match=re.escape(REFUSED)):
        predict_batches(os.fspath(place / "artifacts" / FIRST))


def test_no_recorded_answer_is_replayed_by_an_artifact_that_nobody_signed(place):
    given = clean_environment() | {"ARTIFACTS_DIR": str(place / "artifacts"), "VAR_DIR": str(place / "var")}
    code = (
        "from service.app import create_app\n"
        "client = create_app().test_client()\n"
        "row = {f'feature_{n}': 1 for n in range(1, 6)}\n"
        "print('ID', client.post('/predict', json=row).json['prediction_id'])\n"
    )
    program = [sys.executable, "-c", code]
    made = subprocess.run(program, cwd=ROOT, env=given, capture_output=True, text=True, timeout=600)
    prediction_id = made.stdout.split("ID ")[1].split()[0]
    flask = [sys.executable, "-m", "flask", "records"]
    subprocess.run([*flask, "ship"], cwd=ROOT, env=given, check=True, capture_output=True, timeout=600)
    for keys, said in (("", "same"), (STRANGER, REFUSED)):
        run = subprocess.run(
            [*flask, "replay", prediction_id],
            cwd=ROOT,
            env=given | {"TRUSTED_KEYS": keys},
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert said in run.stdout + run.stderr, run.stdout + run.stderr
