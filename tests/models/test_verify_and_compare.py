"""`flask models verify` and `flask models compare`: real artifacts, in the real process of training."""

import json
import shutil
import subprocess
import sys

import pytest

from inference.manifest import Manifest
from tests.conftest import ROOT, clean_environment
from tests.models.conftest import FIRST, edit

pytestmark = [pytest.mark.process, pytest.mark.slow]
SECOND = "second-1"


@pytest.fixture
def flask(artifacts, tmp_path):
    """Factory of runs of the flask command, on a copy of the default model's artifacts."""

    def run(*arguments, **environment):
        given = {"ARTIFACTS_DIR": str(artifacts), "VAR_DIR": str(tmp_path / "var")} | environment
        command = [sys.executable, "-m", "flask", *arguments]
        return subprocess.run(command, cwd=ROOT, env=clean_environment() | given, capture_output=True, text=True)

    return run


@pytest.fixture
def two(artifacts):
    """The same model under a second name."""
    shutil.copytree(artifacts / FIRST, artifacts / SECOND)
    edit(artifacts / SECOND, version=SECOND)
    return artifacts


@pytest.fixture
def table(artifacts, tmp_path):
    """Golden rows as a CSV, with the model's own predictions as the truth, and a row that the contract refuses."""
    golden = json.loads((artifacts / FIRST / "golden.json").read_bytes())
    contract = Manifest.read(artifacts / FIRST).contract
    rows = [[*row, label] for row, label in zip(golden["rows"], golden["predictions"], strict=True)]
    rows.append([0.0, 0.0, 0.0, 1e9, 5, 0])
    lines = [",".join([*contract.names, contract.target])] + [",".join(map(repr, row)) for row in rows]
    (path := tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    return path


def test_a_whole_artifact_is_verified_and_a_damaged_one_is_not(flask, artifacts):
    whole = flask("models", "verify", FIRST, "--rows", "500")
    assert whole.returncode == 0, whole.stdout + whole.stderr
    verdicts = {line[:12].strip(): line[12:].split()[0] for line in whole.stdout.splitlines()}
    assert verdicts == {"signature": "not", "hashes": "ok", "golden rows": "ok", "parity": "ok", "speed": "ok"}
    unpickled = flask("models", "verify", FIRST, "--rows", "500", ENGINE="onnx")
    assert unpickled.returncode == 0 and "nothing is unpickled" in unpickled.stdout
    (artifacts / FIRST / "model.onnx").write_bytes(b"other")
    damaged = flask("models", "verify", FIRST)
    assert damaged.returncode == 1 and "model.onnx is not the file that was written" in damaged.stdout


def test_versions_are_compared_on_a_file_and_the_page_has_what_the_terminal_has(flask, two, table, tmp_path):
    page = tmp_path / "page.html"
    run = flask("models", "compare", FIRST, SECOND, "--data", str(table), "--html", str(page))
    assert run.returncode == 0, run.stderr
    assert "accuracy" in run.stdout and "100.00% of the rows the same label" in run.stdout
    assert "refuses 1 of the rows" in run.stdout
    html = page.read_text()
    assert html.count("<svg") == 4 and "prefers-color-scheme: dark" in html
    assert FIRST in html and SECOND in html and "http" not in html


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("verify", "never-1"), "cannot be read"),
        (("compare", FIRST, "never-1", "--data", "rows.csv"), "cannot be read"),
        (("compare", FIRST, FIRST, "--data", "none.csv"), "none.csv"),
        (("compare", FIRST, FIRST), "hold no row"),
        (("verify", "../x"), "no version's name"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence_with_exit_code_1(flask, arguments, sentence):
    run = flask("models", *arguments)
    said = run.stdout + run.stderr
    assert run.returncode == 1 and sentence in said and "Traceback" not in said, said


def test_without_the_packages_of_training_a_sentence_says_so(flask, tmp_path):
    (tmp_path / "sklearn").mkdir()
    (tmp_path / "sklearn" / "__init__.py").write_text("raise ModuleNotFoundError(\"No module named 'sklearn'\")")
    run = flask("models", "verify", FIRST, PYTHONPATH=str(tmp_path))
    assert run.returncode == 1 and "packages of training are not installed" in run.stderr
    assert "Traceback" not in run.stderr
