"""The service under the other WSGI servers of deploy/: the same answers, and what each loses when it stops."""

import http.client
import json
import signal
import sqlite3
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from service.access.tokens import line_of, new_token
from service.records import recorder
from service.settings import Settings
from tests.conftest import ROOT, Server, clean_environment, free_port, until
from tests.contract import cases, deviation, differences, send
from tests.deploy.wsgi_servers import SERVERS
from tests.services import listens
from wsgi import app, application

pytestmark = pytest.mark.process

ROW = {"feature_1": 0.5, "feature_2": 1.2, "feature_3": -0.3, "feature_4": 75.5, "feature_5": 5}
DEVIATIONS = json.loads((Path(__file__).parent / "deviations.json").read_text())
FINISHES = {"apache": False, "granian": True, "uwsgi": True, "waitress": False}
"""Whether a request that runs at SIGTERM is answered."""


def test_the_name_that_mod_wsgi_and_uwsgi_look_for_is_the_same_application():
    assert application is app


@pytest.fixture
def start(trained, tmp_path):
    """Factory: a server by its recipe, serving ``target``; it answers at ``path``."""
    servers = []

    def start(name, target, path, **environment):
        port = free_port()
        given = {"ARTIFACTS_DIR": str(trained), "VAR_DIR": str(tmp_path / "var"), "SLOW_FOLDER": str(tmp_path)}
        given |= {"BIND": f"127.0.0.1:{port}", "WEB_CONCURRENCY": "2"} | environment
        log = tmp_path / "log"
        command = SERVERS[name](port, tmp_path, target)
        with log.open("ab") as output:
            process = subprocess.Popen(command, cwd=ROOT, env=clean_environment() | given, stdout=output, stderr=output)
        server = Server(process, f"http://127.0.0.1:{port}", log)
        server.environment = given
        servers.append(server)
        server.until(lambda: server.ask_text(path) != "")
        return server

    yield start
    for server in servers:
        server.stop()
        recorder.drain(Settings.read(server.environment))


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_answers_every_case_as_gunicorn_does_and_loses_no_record_of_an_answer(name, start, tmp_path):
    server = start(name, "service.loaded", "/health/ready")
    port = int(server.url.rpartition(":")[2])
    wrong = {}
    for case in cases():
        entry = deviation(DEVIATIONS[name], case)
        expected = case.answer if entry is None else entry["answer"]
        if found := differences(send(port, case), expected):
            wrong[case.id] = found
    assert wrong == {}
    answered = [server.ask("/predict", ROW)[1]["prediction_id"] for _ in range(20)]
    server.stop()
    recorder.drain(Settings.read(server.environment))
    with sqlite3.connect(tmp_path / "var" / "predictions.db") as database:
        dump = "\n".join(database.iterdump())
    assert [one for one in answered if one not in dump] == []


def asked_slowly(server, folder, stop, may_end):
    """The answers to a request that runs when the server gets ``stop``, a signal; it may end once ``may_end`` holds."""
    answers = []

    def ask():
        connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=90)
        with suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/slow")
            answers.append(connection.getresponse().read())
        connection.close()

    client = threading.Thread(target=ask)
    client.start()
    until((folder / "runs").exists)
    server.process.send_signal(stop)
    if may_end:
        until(may_end)
        (folder / "may-end").touch()
    client.join(90)
    (folder / "may-end").touch()
    server.process.wait(90)  # a second SIGTERM, as at the end of the test, may disturb an orderly stop
    return answers


@pytest.mark.parametrize("name", SERVERS)
def test_a_request_that_runs_at_sigterm_is_answered_or_lost_as_the_recipe_says(name, start, tmp_path):
    server = start(name, "tests.deploy.slow", "/")
    answers = asked_slowly(server, tmp_path, signal.SIGTERM, (lambda: True) if FINISHES[name] else None)
    assert answers == ([b"answered"] if FINISHES[name] else [])


def test_a_request_that_runs_at_apache_s_graceful_stop_is_answered(start, tmp_path):
    server = start("apache", "tests.deploy.slow", "/")
    port = int(server.url.rpartition(":")[2])
    assert asked_slowly(server, tmp_path, signal.SIGWINCH, lambda: not listens(port)) == [b"answered"]


def test_apache_hands_the_authorization_header_on(start, tmp_path):
    tokens = tmp_path / "tokens"
    token = new_token()
    tokens.write_text(line_of("someone", token, frozenset({"predict"})) + "\n")
    server = start("apache", "service.loaded", "/health/ready", API_TOKENS_FILE=str(tokens))
    assert server.ask("/predict", ROW)[0] == 401
    assert server.ask("/predict", ROW, {"Authorization": f"Bearer {token}"})[0] == 200
