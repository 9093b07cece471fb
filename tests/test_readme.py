"""What the README says is so."""

import json
import re
import subprocess

import pytest

from service.settings import SETTINGS
from tests.conftest import ROOT

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
    server = serve()
    commands = list(_curls())
    assert len(commands) >= 7
    for command in commands:
        line = command.replace(BASE, server.url).replace("curl -s", "curl -sS --fail-with-body")
        run = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=30)
        assert run.returncode == 0, (command, run.stdout, run.stderr)
        if "/metrics" not in command:
            json.loads(run.stdout)


def test_every_file_the_documents_link_to_is_there():
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")]:
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"
