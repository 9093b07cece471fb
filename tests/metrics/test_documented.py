"""docs/observability.md names every metric, event and alert there is."""

import re

import pytest

from service.metrics.catalogue import METRICS
from tests.conftest import ROOT

DOCUMENT = (ROOT / "docs" / "observability.md").read_text()
LOGGED = re.compile(r'(?:log\.(?:debug|info|warning|error)|write|_line)\(\s*(?:"(?:warning|info)", )?"([a-z_]+)"')
LEVELS = {"debug", "info", "warning", "error"}
EVENTS = {event for path in (ROOT / "service").rglob("*.py") for event in LOGGED.findall(path.read_text())} - LEVELS | {
    "error"
}


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda metric: metric.name)
def test_every_metric_is_documented_with_its_labels(metric):
    lines = [line for line in DOCUMENT.splitlines() if line.startswith("|") and f"`{metric.name}`" in line]
    assert lines, f"docs/observability.md has no row for {metric.name}"
    (line,) = lines
    assert line.split("|")[2].strip() == ", ".join(metric.labels)


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_is_counted(name):
    modules = [path for path in (ROOT / "service").rglob("*.py") if path.name != "catalogue.py"]
    assert any(f'"{name}"' in path.read_text() for path in modules), f"no code in service/ counts {name}"


@pytest.mark.parametrize("event", sorted(EVENTS | {"server", "library"}))
def test_every_log_event_is_documented(event):
    assert any(f"`{event}`" in line for line in DOCUMENT.splitlines() if line.startswith("|"))


def test_every_alert_has_a_paragraph_and_every_paragraph_an_alert():
    alerts = re.findall(
        r"- alert: (\w+)\n(?:.*\n)*?.*severity: (\w+)", (ROOT / "deploy/prometheus/alerts.yml").read_text()
    )
    assert re.findall(r"### (\w+) \((\w+)\)", DOCUMENT) == alerts
