"""SageMaker's container contract: `serve`, a port, /opt/ml/model, and the requests that SageMaker sends."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.conftest import ROOT, clean_environment, free_port

pytestmark = pytest.mark.process

SERVE = ROOT / "deploy" / "sagemaker" / "serve"
HEADERS = {
    "X-Amzn-SageMaker-Custom-Attributes": "trace=1",
    "X-Amzn-SageMaker-Inference-Id": "a7f2",
    "Accept": "*/*",
    "User-Agent": "AHC/2.0",
}
"""Headers that SageMaker adds to what a client gave to InvokeEndpoint."""
NAMES = [f"feature_{number}" for number in range(1, 6)]
ROW = [0.5, 1.2, -0.3, 75.5, 5]
LINES = ",".join(NAMES) + "\n" + ",".join(map(str, ROW)) + "\n"


def ask(url, body=None, content_type=None):
    headers = HEADERS | ({"Content-Type": content_type} if content_type else {})
    request = urllib.request.Request(url, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read()


@pytest.fixture
def container(tmp_path):
    """Factory: what the container's command serves with these files as /opt/ml/model."""
    started = []

    def run(model):
        port = free_port()
        environment = clean_environment() | {
            "SAGEMAKER_MODEL_DIR": str(model),
            "SAGEMAKER_BIND_TO_PORT": str(port),
            "VAR_DIR": str(tmp_path / "var"),
            "WEB_CONCURRENCY": "1",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen([SERVE], cwd=ROOT, env=environment, stdout=log, stderr=log)
        started.append(process)
        return f"http://127.0.0.1:{port}", process

    yield run
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(60)


def until_ready(url):
    deadline = time.monotonic() + 120
    while True:
        try:
            status, body = ask(url + "/ping")
            assert body == b""
            if status == 200:
                return
        except OSError:
            pass
        assert time.monotonic() < deadline, "the container never answered /ping with 200"
        time.sleep(0.1)


@pytest.mark.parametrize("layout", ["a folder of artifacts", "the files of one artifact"])
def test_the_requests_of_sagemaker_are_answered(container, trained, layout):
    url, process = container(trained if layout == "a folder of artifacts" else trained / "random_forest-1")
    until_ready(url)
    split = json.dumps({"dataframe_split": {"columns": NAMES, "data": [ROW]}}).encode()
    for body, content_type in (
        (split, "application/json"),
        (json.dumps({"instances": [ROW]}).encode(), "application/json"),
        (LINES.encode(), "text/csv"),
    ):
        status, answer = ask(url + "/invocations", body, content_type)
        assert status == 200, answer
        assert json.loads(answer).keys() == {"predictions"}
    status, answer = ask(url + "/invocations", b"{}", "application/json")
    assert (status, json.loads(answer)["error_code"]) == (400, "BAD_REQUEST")
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0


def test_the_port_and_the_folder_are_sagemakers_unless_told_otherwise():
    script = SERVE.read_text()
    assert "${SAGEMAKER_MODEL_DIR:-/opt/ml/model}" in script and "${SAGEMAKER_BIND_TO_PORT:-8080}" in script
    assert os.access(SERVE, os.X_OK)
