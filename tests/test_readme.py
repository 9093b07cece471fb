"""README and the pages that it leads to are true: settings, commands, links, numbers, the output of the start."""

import json
import os
import re
import subprocess
import sys

import pytest

from benchmarks.report.plots import throughput_plot
from benchmarks.results import Run
from inference.manifest import Manifest
from service.settings import SETTINGS
from tests.conftest import ROOT
from tests.services import program

README, API, SETTINGS_PAGE, COMPARISON = (
    (ROOT / name).read_text() for name in ("README.md", "docs/api.md", "docs/settings.md", "docs/comparison.md")
)
BASE = "http://127.0.0.1:8000"


def _settings_table():
    rows = [
        f"| `{setting.name}` | {f'`{setting.default}`' if setting.default else ''} | {setting.help} |"
        for setting in SETTINGS
    ]
    return "\n".join(["| variable | default | meaning |", "|---|---|---|", *rows])


def test_the_settings_table_is_the_one_of_the_code():
    shown = re.search(r"<!-- settings[^>]*-->\n(.*)\n<!-- end of settings -->", SETTINGS_PAGE, re.DOTALL)
    assert shown and shown.group(1) == _settings_table(), f"expected:\n{_settings_table()}"


def _curls():
    for block in re.findall(r"```bash\n(.*?)```", README + API, re.DOTALL):
        joined = block.replace("\\\n", " ")
        named = ""
        for command in re.findall(r"^(?:id=\$\()?curl .*?(?=^(?:id=\$\()?curl |\Z)", joined, re.DOTALL | re.MULTILINE):
            if command.startswith("id="):
                named = command
            else:
                yield named + command


def test_the_readme_is_read_in_one_sitting():
    assert len(README.splitlines()) <= 120


@pytest.mark.process
def test_the_lines_for_pandas_and_the_client_work(serve):
    server = serve()
    server.until_serving(1)
    code = "\n".join(re.findall(r"```python\n(.*?)```", README, re.DOTALL)).replace(BASE, server.url)
    environment = os.environ | {"PYTHONPATH": str(ROOT / "client")}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("0           1") == 2, run.stdout


@pytest.mark.process
def test_every_curl_of_the_readme_and_of_the_routes_page_works(serve):
    program("curl", "curl")
    server = serve()
    commands = list(_curls())
    assert len(commands) >= 7
    for command in commands:
        line = command.replace(BASE, server.url).replace("curl -s", "curl -sS --fail-with-body")
        run = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=30)
        assert run.returncode == 0, (command, run.stdout, run.stderr)
        if "/metrics" not in command:
            json.loads(run.stdout)


def test_every_file_that_the_documents_link_to_exists():
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")]:
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_a_start_ends_as_shown(trained):
    manifest = Manifest.read(trained / "random_forest-1")
    kinds = [feature.type for feature in manifest.contract.features]
    counted = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    megabytes = (trained / "random_forest-1" / "model.onnx").stat().st_size / 1e6
    baseline, rows = manifest.training["baseline"]["accuracy"], manifest.training["parity"]["rows"]
    for line in (
        f"task               classification of 'target' from {len(kinds)} features ({counted})",
        f"accuracy           {manifest.metrics['accuracy']:.4f}  (baseline {baseline:.4f})",
        f"engine             onnx, a graph of {megabytes:.1f} MB; same answers as the pipeline on {rows:,} rows",
    ):
        assert line in README


def test_every_number_of_the_comparison_stands_in_a_result_that_a_command_wrote():
    results = "".join(path.read_text() for path in (ROOT / "benchmarks" / "results").glob("*.md"))
    table = re.search(r"^\| server \|.*?\n\n", COMPARISON, re.DOTALL | re.MULTILINE).group().splitlines()
    assert len(table) > 5
    assert [row for row in table if row and row not in results] == []
    words = " ".join(COMPARISON.split())
    (rows,) = re.findall(r"Its graph answered ([\d,]+) rows as the pipeline did: no label differs", words)
    assert f"| default | random_forest | {rows} | 0 | 0.0e+00 |" in results


def test_the_plot_and_the_lines_of_the_readme_are_those_of_the_comparison():
    picture = throughput_plot(Run.read(ROOT / "benchmarks" / "results" / "main.json"))
    assert (ROOT / "docs" / "images" / "comparison.svg").read_text() == picture
    shown = re.search(r"^## The comparison.*?(?=^## )", README, re.DOTALL | re.MULTILINE).group()
    ratios = re.findall(r"[\d.]+x(?: \([\d. to]+\))?", shown)
    assert len(ratios) == 4
    assert [ratio for ratio in ratios if ratio not in COMPARISON] == []
