"""What examples/ holds works on a running service."""

import json
import re
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from service.access.tokens import SCOPES, line_of, new_token
from tests.conftest import ROOT
from tests.services import program

pytestmark = pytest.mark.process

EXAMPLES = ROOT / "examples"
COLLECTION = EXAMPLES / "serving.postman_collection.json"


@pytest.fixture
def guarded(serve, tmp_path):
    """A running service that needs a token, and the token."""
    token = new_token()
    tokens = tmp_path / "tokens"
    tokens.write_text(line_of("examples", token, SCOPES) + "\n")
    return serve(API_TOKENS_FILE=str(tokens)), token


def _run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def _send(method, url, headers, body):
    request = urllib.request.Request(url, body.encode() if body else None, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def _filled(text, variables):
    return re.sub(r"\{\{([^}]+)\}\}", lambda found: variables[found[1].strip()], text)


def test_the_script_tries_every_route_and_says_so(guarded):
    server, token = guarded
    tried = _run(sys.executable, EXAMPLES / "try_every_route.py", server.url, "--token", token)
    assert tried.returncode == 0, tried.stdout + tried.stderr
    routes = server.ask("/")[1]["routes"]
    here = {"name": "model", "version": "random_forest-1"}
    paths = [(route["method"], re.escape(route["path"].format(**here))) for route in routes]
    assert [path for method, path in paths if not re.search(rf"ok +{method} +{path} ", tried.stdout)] == []
    assert "FAIL" not in tried.stdout


def test_the_script_fails_where_the_service_does(serve, tmp_path):
    server = serve(ARTIFACTS_DIR=str(tmp_path / "none"))
    tried = _run(sys.executable, EXAMPLES / "try_every_route.py", server.url)
    assert tried.returncode == 1
    assert "FAIL  GET  /model/info" in tried.stdout and "No model" not in tried.stderr
    server.stop()
    gone = _run(sys.executable, EXAMPLES / "try_every_route.py", server.url)
    assert gone.returncode == 1 and "Traceback" not in gone.stderr


def _requests_of(text, variables):
    """The requests of an .http file, as its editors read it: name, method, URL, headers, body."""
    for block in re.split(r"^###.*$", text, flags=re.MULTILINE):
        name, lines = "", []
        for line in block.strip().splitlines():
            if found := re.match(r"@(\w+) = (.*)", line):
                variables.setdefault(found[1], found[2])
            elif found := re.match(r"# @name (\w+)", line):
                name = found[1]
            elif not line.startswith("#") or lines:
                lines.append(line)
        if lines:
            head, _, body = "\n".join(lines).partition("\n\n")
            first, *headers = head.splitlines()
            method, url = first.split(" ", 1)
            yield name, method, url, dict(header.split(": ", 1) for header in headers), body


def test_every_request_of_the_http_file_is_answered(guarded):
    server, token = guarded
    variables = {"host": server.url, "token": token}
    tried = set()
    for name, method, url, headers, body in _requests_of((EXAMPLES / "serving.http").read_text(), variables):
        given = {key: _filled(value, variables) for key, value in headers.items()}
        status, answer = _send(method, _filled(url, variables), given, _filled(body, variables))
        assert status in (200, 201), (url, answer)
        tried.add((method, url.removeprefix("{{host}}")))
        if name:
            document = json.loads(answer)
            variables |= {f"{name}.response.body.$.{key}": str(value) for key, value in document.items()}
    _covers_the_api(server, tried)


def _covers_the_api(server, tried):
    document = server.ask("/apispec.json")[1]
    here = {"name": "model", "version": "random_forest-1"}
    routes = {
        (method.upper(), path.format(**here)) for path, methods in document["paths"].items() for method in methods
    }
    assert tried >= routes


def test_every_request_of_the_postman_collection_is_answered(guarded):
    """This test sets the variables that the scripts of the collection set; newman, below, runs the scripts."""
    server, token = guarded
    collection = json.loads(COLLECTION.read_text())
    variables = {one["key"]: one["value"] for one in collection["variable"]} | {"base_url": server.url, "token": token}
    tried = set()
    for item in collection["item"]:
        request = item["request"]
        headers = {one["key"]: one["value"] for one in request["header"]}
        if request.get("auth", collection["auth"])["type"] == "bearer":
            headers["Authorization"] = f"Bearer {variables['token']}"
        body = _filled(request.get("body", {}).get("raw", ""), variables)
        status, answer = _send(request["method"], _filled(request["url"], variables), headers, body)
        expected = re.search(r"oneOf\(\[([\d, ]+)\]\)", item["event"][0]["script"]["exec"][0])[1]
        assert str(status) in expected.split(", "), (item["name"], answer)
        tried.add((request["method"], _filled(request["url"], variables).removeprefix(server.url)))
        if item["name"] == "What is served":
            features = json.loads(answer)["features"]
            variables["row"] = json.dumps({feature["name"]: feature["example"] for feature in features})
            variables["version"] = json.loads(answer)["model_version"]
        elif item["name"] == "One row":
            document = json.loads(answer)
            variables |= {"prediction_id": document["prediction_id"], "outcome": json.dumps(document["prediction"])}
    _covers_the_api(server, tried)


def test_newman_runs_the_postman_collection(guarded):
    newman = program("newman", "npm, then: npm install -g newman")
    server, token = guarded
    given = ("--env-var", f"base_url={server.url}", "--env-var", f"token={token}")
    run = _run(newman, "run", str(COLLECTION), "--color", "off", *given)
    assert run.returncode == 0, run.stdout + run.stderr
