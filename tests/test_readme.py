"""The README is true: settings, curl commands, links, numbers and the output of the start."""

import json
import re
import subprocess

import pytest

from inference.manifest import Manifest
from service.settings import SETTINGS
from tests.conftest import ROOT
from tests.services import program

README = (ROOT / "README.md").read_text()
BASE = "http://127.0.0.1:8000"


def _settings_table():
    rows = [
        f"| `{setting.name}` | {f'`{setting.default}`' if setting.default else ''} | {setting.help} |"
        for setting in SETTINGS
    ]
    return "\n".join(["| variable | default | meaning |", "|---|---|---|", *rows])


def test_the_settings_table_is_the_one_of_the_code():
    shown = re.search(r"<!-- settings[^>]*-->\n(.*)\n<!-- end of settings -->", README, re.DOTALL)
    assert shown and shown.group(1) == _settings_table(), f"expected:\n{_settings_table()}"


def _curls():
    for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL):
        joined = block.replace("\\\n", " ")
        named = ""
        for command in re.findall(r"^(?:id=\$\()?curl .*?(?=^(?:id=\$\()?curl |\Z)", joined, re.DOTALL | re.MULTILINE):
            if command.startswith("id="):
                named = command
            else:
                yield named + command


@pytest.mark.process
def test_every_curl_of_the_readme_works(serve):
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
    table = re.search(r"^\| server \|.*?\n\n", README, re.DOTALL | re.MULTILINE).group().splitlines()
    assert len(table) > 5
    assert [row for row in table if row and row not in results] == []
    words = " ".join(README.split())
    (rows,) = re.findall(r"Its graph answered ([\d,]+) rows as the pipeline did: no label differs", words)
    assert f"| default | random_forest | {rows} | 0 | 0.0e+00 |" in results
