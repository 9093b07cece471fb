"""The commands of the runbook (docs/observability.md) are typed against a running service; each alert has its entry."""

import re
import shlex
import subprocess

import pytest

from tests.conftest import ROOT, clean_environment
from tests.services import program, redis_server  # noqa: F401 - a fixture

TEXT = (ROOT / "docs" / "observability.md").read_text()
RUNBOOK = TEXT[TEXT.index("## Alerts: what to do at 3 a.m.") :]
ALERTS = (ROOT / "deploy" / "prometheus" / "alerts.yml").read_text()
TYPED = ("flask ", "df ", "du ", "curl ", "redis-cli ")
NAMED = re.findall(r"^### (\w+) \((page|ticket)\)$", RUNBOOK, re.MULTILINE)


def commands():
    """Every command in backticks that begins with a program's name."""
    spans = re.findall(r"`([^`]+)`", RUNBOOK.replace("\n", " "))
    return list(dict.fromkeys(span for span in spans if span.startswith(TYPED)))


def test_each_alert_has_an_entry_of_its_severity_and_each_entry_an_alert():
    rules = re.findall(r"- alert: (\w+)\n.*?severity: (\w+)", ALERTS, re.DOTALL)
    assert sorted(rules) == sorted(NAMED)


def test_each_alert_has_a_panel_of_the_dashboard_that_shows_what_it_counts():
    board = (ROOT / "deploy" / "grafana" / "dashboard.json").read_text()
    shown = set(re.findall(r"[a-z]+(?:_[a-z]+)+", board))
    recorded = (ROOT / "deploy" / "prometheus" / "recording.yml").read_text()
    for name, rule in re.findall(r"- alert: (\w+)\n(.*?)\n        (?:for|labels):", ALERTS, re.DOTALL):
        for record in re.findall(r"\w+:\w+:\w+", rule):
            rule += recorded[recorded.index(record) :].split("- record")[0]
        counted = set(re.findall(r"[a-z]+(?:_[a-z]+)+", rule))
        assert counted & shown or name == "ServiceDown", name


@pytest.mark.process
def test_every_command_of_the_runbook_works_as_it_is_typed(serve, artifacts, tmp_path, redis_server):  # noqa: F811  # the fixture
    for name in ("curl", "redis-cli"):
        program(name, {"redis-cli": "redis-tools"}.get(name, name))
    redis = redis_server()
    (version,) = (path.parent.name for path in artifacts.glob("*/manifest.json"))
    settings = {"ARTIFACTS_DIR": str(artifacts), "VAR_DIR": str(tmp_path / "var"), "REDIS_URL": redis.url}
    server = serve(**settings)
    environment = clean_environment() | settings
    typed = commands()
    assert len(typed) >= 10
    for command in typed:
        filled = re.sub(r"<[^>]+>", shlex.quote(version), command).replace("localhost:8000", server.url.split("//")[1])
        if filled.startswith(("flask models retire", "flask models rollout", "flask models rollback")):
            continue  # they need a second version: see tests/models
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", filled],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
