"""What programs make of the document, tried on the running service."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from service.access.tokens import SCOPES, line_of, new_token
from tests.conftest import ROOT

pytestmark = [pytest.mark.process, pytest.mark.slow]

EXAMPLES = "12"
SEED = "20260131"

PROTOCOLS = "^/(v2|invocations|ping|version)"


TABLES = ("text/csv", "application/vnd.apache.arrow.stream", "application/vnd.apache.parquet")


def _run(folder, *command):
    tools = str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"]
    more = {"PATH": tools, "PYTHONPATH": str(ROOT), "SCHEMATHESIS_HOOKS": "tests.docs.table_bodies"}
    return subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=folder, env=os.environ | more)


@pytest.fixture
def generate_client(tmp_path, monkeypatch):
    """Generate a client of a running service as a package that can be imported."""

    def make(server):
        package = tmp_path / "generated_client"
        config = tmp_path / "generator.json"  # to this generator a table is a file
        config.write_text(json.dumps({"content_type_overrides": dict.fromkeys(TABLES, "application/octet-stream")}))
        generator = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none", "--fail-on-warning"]
        generator += ["--config", str(config)]
        made = _run(tmp_path, *generator, "--url", f"{server.url}/apispec.json", "--output-path", str(package))
        assert made.returncode == 0, made.stdout + made.stderr
        monkeypatch.syspath_prepend(str(tmp_path))
        return package.name

    return make


def test_a_generated_client_predicts_and_reports_the_outcome(serve, generate_client):
    server = serve()
    name = generate_client(server)
    api, models = (
        (lambda path: importlib.import_module(f"{name}.api.{path}")),
        importlib.import_module(f"{name}.models"),
    )
    features = server.ask("/model/info")[1]["features"]
    row = models.Row.from_dict({feature["name"]: feature["example"] for feature in features})
    with importlib.import_module(f"{name}.client").Client(base_url=server.url) as client:
        answer = api("predictions.predict").sync(client=client, body=row)
        assert answer.prediction in (0, 1) and answer.probability >= 0.5
        batch = api("predictions.predict_batch").sync(client=client, body=models.Batch(instances=[row, row]))
        assert [one.prediction for one in batch.predictions] == [answer.prediction] * 2
        row.feature_4 = 1000.0
        refused = api("predictions.predict").sync(client=client, body=row)
        assert isinstance(refused, models.InvalidInputProblem) and "feature_4" in refused.errors.additional_properties
        outcome = models.Outcome(prediction_id=answer.prediction_id, outcome=answer.prediction)
        server.until(lambda: api("records.feedback").sync(client=client, body=outcome).created == 1)
        assert api("health.health").sync(client=client).status == "healthy"


@pytest.mark.parametrize(
    "chosen",
    [
        ("--exclude-path-regex", PROTOCOLS),
        # No schema says that exactly one of four forms is there, or that tensors fit their shapes: 400 is right then.
        # And these protocols take more than ours does: what MLflow's and Triton's own clients send.
        ("--include-path-regex", PROTOCOLS, "--exclude-checks", "positive_data_acceptance,negative_data_rejection"),
    ],
    ids=["own routes", "other protocols"],
)
def test_nobody_finds_an_answer_that_is_not_documented(serve, tmp_path, chosen):
    token = new_token()
    tokens = tmp_path / "tokens"
    tokens.write_text(line_of("schemathesis", token, SCOPES) + "\n")
    server = serve(API_TOKENS_FILE=str(tokens), RATE_LIMIT="1000000/minute")
    found = _run(
        tmp_path,  # it keeps what it found there
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/apispec.json"),
        *("-H", f"Authorization: Bearer {token}", "--max-examples", EXAMPLES, "--seed", SEED),
        *("--generation-database", "none", "--no-color", "--warnings", "off", *chosen),
    )
    assert found.returncode == 0, found.stdout + found.stderr
    assert "No issues found" in found.stdout


def test_the_command_prints_the_document_that_is_served_and_nothing_else(make_client, trained, tmp_path):
    served = make_client().get("/apispec.json").get_json()
    environment = os.environ | {"ARTIFACTS_DIR": str(trained), "VAR_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "flask", "openapi"]
    printed = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert printed.returncode == 0 and printed.stderr == ""
    assert json.loads(printed.stdout) == served
