"""Under another Flask the application is a plain one: the same answers, and one warning."""

import json
import os
import subprocess
import sys

import pytest

from service.web import context, lean
from service.web.lean.app import LeanApp
from service.web.operation import Operation, operation
from tests.conftest import ROOT

ROW = {"feature_1": 0.5, "feature_2": 1.2, "feature_3": -0.3, "feature_4": 75.5, "feature_5": 5}


def events(text, name):
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == name]


def test_the_lean_classes_are_used_under_the_versions_they_were_read_against_alone(make_client, flask_kind, capfd):
    app = make_client().application
    warnings = events(capfd.readouterr().out, "flask_plain")
    assert isinstance(app, LeanApp) is (flask_kind == "lean")
    assert len(warnings) == (flask_kind == "plain")
    if warnings:
        assert warnings[0]["level"] == "warning"
        assert warnings[0]["installed"] == {"flask": "9.0.1", "werkzeug": "9.2"}
        assert warnings[0]["read_against"] == lean.READ_AGAINST


@pytest.mark.parametrize(
    ("installed", "fits"), [("3.1", True), ("3.1.9", True), ("3.1.0rc1", True), ("3.10", False), ("3", False)]
)
def test_major_and_minor_version_decide(monkeypatch, installed, fits):
    monkeypatch.setattr(lean, "installed_versions", lambda: {"flask": "3.1.3", "werkzeug": installed})
    if fits:
        assert lean.lean_class() is LeanApp
    else:
        with pytest.raises(ImportError, match="werkzeug"):
            lean.lean_class()


def test_both_ways_to_the_request_lead_to_the_same(make_client):
    app = make_client().application
    with app.test_request_context("/predict"):
        assert context.current() == lean.current()
        assert context.current()[0] is app


def test_a_view_without_an_operation_cannot_be_registered(make_client):
    app = make_client().application
    with pytest.raises(TypeError, match="/forgotten has no operation"):
        app.add_url_rule("/forgotten", view_func=lambda: "")
    app.add_url_rule("/open", "open", operation(Operation("A new route", "service", {200: None}))(lambda: ""))
    assert app.operations["open"].scope == "observe", "closed unless it says otherwise"


WITHOUT_A_PRIVATE_NAME = """
import json, sys
import flask.globals
del flask.globals._cv_request
from service.app import create_app
from service.settings import Settings
settings = Settings.read({"ARTIFACTS_DIR": sys.argv[1], "VAR_DIR": sys.argv[2], "RECORDS": "off"})
client = create_app(settings).test_client()
row = json.loads(sys.argv[3])
answers = [
    client.post("/predict", json=row),
    client.post("/predict/batch", json={"instances": [row] * 3}),
    client.post("/predict", json={}),
    client.post("/predict", data="{", content_type="application/json"),
    client.get("/predict"),
    client.get("/nothing"),
    client.head("/health"),
    client.options("/predict"),
    client.get("/apispec.json"),
    client.get("/dashboard"),
]
print("statuses", [answer.status_code for answer in answers], all(answer.headers["X-Request-ID"] for answer in answers))
print("kind", type(client.application).__name__)
"""


@pytest.mark.process
def test_a_flask_without_the_private_names_serves_all_the_same(trained, tmp_path):
    command = [sys.executable, "-c", WITHOUT_A_PRIVATE_NAME, str(trained), str(tmp_path), json.dumps(ROW)]
    run = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    assert "statuses [200, 200, 422, 400, 405, 404, 200, 200, 200, 200] True" in run.stdout
    assert "kind ServingApp" in run.stdout
    (warning,) = events(run.stdout, "flask_plain")
    assert "_cv_request" in warning["reason"]
