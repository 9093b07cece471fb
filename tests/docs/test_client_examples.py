"""The notebook and the Locust file of examples/ work on a running service."""

import importlib.util
import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

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
    stop = ("-u", "3", "-r", "3", "-t", "3s", "--csv", str(tmp_path / "run"), "--only-summary")
    command = [sys.executable, "-m", "locust", "-f", str(EXAMPLES / "locustfile.py"), "--headless", "-H", server.url]
    run = subprocess.run([*command, *stop], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    lines = (tmp_path / "run_stats.csv").read_text().splitlines()
    counts = {line.split(",")[1]: line.split(",")[2:4] for line in lines[1:]}
    assert int(counts["/predict"][0]) > 0
    assert counts["Aggregated"][1] == "0"
