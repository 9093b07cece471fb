"""The notebook and the Locust file of examples/ work on a running service."""

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys

import pytest

from tests.conftest import ROOT, until

pytestmark = pytest.mark.process

EXAMPLES = ROOT / "examples"


def cells():
    document = json.loads((EXAMPLES / "notebook.ipynb").read_text())
    return ["".join(cell["source"]) for cell in document["cells"] if cell["cell_type"] == "code"]


def test_every_cell_of_the_notebook_runs_and_finds_the_drift(serve, tmp_path):
    server = serve()
    server.until_serving(1)
    ends = "\nassert told['created'] == rows\nassert 0.8 < performance['accuracy'] < 1\n"
    ends += "verdicts = {one['name']: one['verdict'] for one in drift['features']}\n"
    ends += "assert verdicts['feature_1'] == 'alarm', verdicts\nassert verdicts['feature_4'] != 'alarm', verdicts\n"
    script = tmp_path / "notebook.py"
    script.write_text("\n\n".join(cells()) + ends)
    environment = os.environ | {"SERVICE_URL": server.url, "PYTHONPATH": str(ROOT / "client")}
    run = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "row 17 (index 'customer-17'), feature_4: Field may not be null." in run.stdout
    assert "row 18 (index 'customer-18'), feature_5: " in run.stdout


def test_the_notebook_is_committed_without_outputs():
    document = json.loads((EXAMPLES / "notebook.ipynb").read_text())
    assert all(not cell["outputs"] for cell in document["cells"] if cell["cell_type"] == "code")


@pytest.mark.skipif(
    importlib.util.find_spec("locust") is None, reason="locust is not installed (Python package locust)"
)
def test_locust_loads_the_service_without_a_failure(serve, tmp_path):
    server = serve()
    server.until_serving(1)
    command = [sys.executable, "-m", "locust", "-f", str(EXAMPLES / "locustfile.py"), "--headless", "-H", server.url]
    with (tmp_path / "locust.log").open("wb") as log:
        users = ("-u", "3", "-r", "3", "--csv", str(tmp_path / "run"), "--only-summary")
        process = subprocess.Popen([*command, *users], stdout=log, stderr=log)

    def answered(route):
        pattern = rf'^http_requests_total{{[^}}]*route="{route}",status="200"}} ([0-9.]+)'
        found = re.search(pattern, server.ask_text("/metrics"), re.MULTILINE)
        return float(found[1]) if found else 0

    def noted():  # Locust writes its statistics now and then
        stats = tmp_path / "run_stats.csv"
        return stats.exists() and "/predict/batch" in stats.read_text()

    try:
        until(lambda: process.poll() is not None or (answered("/predict") > 20 and answered("/predict/batch") > 1))
        until(lambda: process.poll() is not None or noted())
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(60)
    assert code == 0, (tmp_path / "locust.log").read_text()
    assert "/predict/batch" in (tmp_path / "run_stats.csv").read_text()
    assert (tmp_path / "run_failures.csv").read_text().count("\n") <= 1
