"""The service as an operator runs it: real gunicorn, real workers, real signals."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from inference.manifest import digest
from inference.routing import Routing, write_routing
from tests.conftest import ROOT, clean_environment, free_port

pytestmark = pytest.mark.process

ROW = {"feature_1": 0.5, "feature_2": 1.2, "feature_3": -0.3, "feature_4": 75.5, "feature_5": 5}
FIRST, SECOND = "random_forest-1", "random_forest-2"


@pytest.fixture
def two_versions(artifacts):
    copy = shutil.copytree(artifacts / FIRST, artifacts / SECOND)
    document = json.loads((copy / "manifest.json").read_bytes()) | {"version": SECOND}
    document["sha256"] = digest(document)
    (copy / "manifest.json").write_text(json.dumps(document))
    return artifacts


def _version(server):
    return server.ask("/predict", ROW)[1].get("model_version")


def test_a_killed_worker_is_replaced_and_no_request_after_it_fails(serve):
    server = serve(WEB_CONCURRENCY="2")
    server.until_serving(2)
    killed = server.workers[0]
    os.kill(killed, signal.SIGKILL)
    server.until(lambda: killed not in server.workers and len(server.workers) == 2)
    assert all(server.ask("/predict", ROW)[0] == 200 for _ in range(20))


def test_a_worker_that_answered_exits_without_an_abort_and_uploads_nothing(serve):
    server = serve(WEB_CONCURRENCY="1")
    server.until(lambda: server.ask("/predict", ROW)[0] == 200)
    assert len(list(Path(f"/proc/{server.pid}/task").iterdir())) == 1, (
        "a thread of the master does not survive its forks"
    )
    assert server.stop() == 0
    assert "was sent" not in server.log()
    assert "terminate called" not in server.log()


def test_a_promoted_version_is_served_by_every_worker_without_a_restart(serve, two_versions):
    server = serve(WEB_CONCURRENCY="2", ARTIFACTS_DIR=str(two_versions))
    server.until_serving(2)
    workers = server.workers
    assert _version(server) == FIRST
    promoted = subprocess.run(
        [sys.executable, "-m", "flask", "models", "promote", SECOND],
        cwd=ROOT,
        env=clean_environment() | {"ARTIFACTS_DIR": str(two_versions)},
        capture_output=True,
        text=True,
    )
    assert promoted.returncode == 0, promoted.stderr
    server.until(lambda: [_version(server) for _ in range(12)] == [SECOND] * 12)
    assert server.workers == workers


def test_with_a_broken_version_health_is_degraded_and_predictions_go_on_after_reload_and_respawn(serve, two_versions):
    server = serve(WEB_CONCURRENCY="2", ARTIFACTS_DIR=str(two_versions))
    server.until_serving(2)
    server.until(lambda: _version(server) == FIRST)
    for path in (two_versions / SECOND).iterdir():
        if path.name != "manifest.json":
            path.write_bytes(b"broken")
    write_routing(two_versions, Routing(SECOND))
    server.until(lambda: all(server.ask("/health")[1]["status"] == "degraded" for _ in range(10)))
    for signal_sent, pid in ((signal.SIGHUP, server.pid), (signal.SIGKILL, server.workers[0])):
        before = set(server.workers)
        os.kill(pid if pid == server.pid else server.workers[0], signal_sent)
        server.until(lambda before=before: len(server.workers) == 2 and set(server.workers) != before)
        server.until(lambda: server.ask("/health")[0] == 200)
        status, health = server.ask("/health")
        assert (status, health["status"], health["model_version"]) == (200, "degraded", FIRST)
        assert SECOND in health["reason"]
        assert server.ask("/predict", ROW)[0] == 200


def test_without_an_artifact_the_server_starts_answers_503_and_loads_the_first_one(serve, trained, tmp_path):
    empty = tmp_path / "none"
    server = serve(ARTIFACTS_DIR=str(empty))
    assert server.ask("/health")[0] == 503
    assert server.ask("/predict", ROW)[0] == 503
    assert server.ask("/")[0] == 200
    shutil.copytree(trained, empty)
    server.until(lambda: server.ask("/health")[0] == 200)
    assert _version(server) == FIRST


def test_a_worker_that_runs_the_graph_has_neither_sklearn_nor_pandas_loaded(serve, trained):
    if json.loads((trained / FIRST / "manifest.json").read_bytes())["engine"] != "onnx":
        pytest.fail("the default model must be served by its graph")
    server = serve()
    assert server.ask("/predict", ROW)[0] == 200
    for pid in (server.pid, *server.workers):
        maps = Path(f"/proc/{pid}/maps").read_text()
        assert "onnxruntime" in maps
        assert "/sklearn/" not in maps and "/pandas/" not in maps and "/scipy/" not in maps


def test_importing_wsgi_loads_no_model_and_starts_no_thread():
    script = (
        "import threading, sys, wsgi\n"
        "assert threading.active_count() == 1\n"
        "assert not {'sklearn', 'pandas', 'scipy'} & set(sys.modules)\n"
        "assert wsgi.app.models._manager is None\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=clean_environment(), capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("worker_class", ["sync", "gthread", "inline"])
def test_every_worker_class_serves(serve, worker_class):
    server = serve(WORKER_CLASS=worker_class)
    assert server.ask("/predict", ROW)[0] == 200
    own = {"inline": "service.server.worker.InlineWorker", "gthread": "service.server.gthread.TimedThreadWorker"}
    name = own.get(worker_class, worker_class)
    assert any(line["message"] == f"Using worker: {name}" for line in server.events("server")), (
        "gunicorn takes gthread for a sync worker with threads"
    )


def _raw(server, text):
    """Everything that a client receives that has closed its sending side."""
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=20) as sock:
        sock.sendall(text.encode())
        sock.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: sock.recv(65536), b""))


def test_a_malformed_body_is_a_400_and_ends_the_connection(serve):
    server = serve(WEB_CONCURRENCY="1")
    head = "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    after = "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
    for body in ("zz\r\n{}\r\n0\r\n\r\n", "2\r\n{}XX0\r\n\r\n", "5\r\n{}\r\n"):
        answer = _raw(server, head + "Transfer-Encoding: chunked\r\n\r\n" + body + after)
        assert answer.startswith(b"HTTP/1.1 400 "), answer
        assert answer.count(b"HTTP/1.1") == 1, "bytes after malformed chunks are not a request"
    answer = _raw(server, head + 'Content-Length: 20\r\n\r\n{"feature_1"')
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"ended before its announced length" in answer
    assert server.events("error") == []


def test_a_request_that_gunicorn_refuses_is_logged_with_the_id_of_its_answer(serve):
    server = serve(WEB_CONCURRENCY="1")
    assert server.ask("/predict", ROW, {"X-Request-ID": "the-one-before"})[0] == 200
    answer = _raw(server, "GET /health HTTP/1.1\r\nBad Header: 1\r\n\r\n")
    document = json.loads(answer.partition(b"\r\n\r\n")[2])
    server.until(lambda: [line["request_id"] for line in server.events("refused")] == [document["request_id"]])
    assert all("request_id" not in line for line in server.events("server"))


def test_a_port_in_use_is_named_without_a_traceback(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        run = subprocess.run(
            [sys.executable, "-m", "gunicorn", "wsgi:app"],
            cwd=ROOT,
            env=clean_environment() | {"BIND": address, "VAR_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert run.returncode == 1
    assert "in use" in run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr


def test_sigterm_lets_the_request_in_flight_finish(serve):
    server = serve()
    body = json.dumps({"instances": [ROW] * 5000}).encode()
    head = "POST /predict/batch HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as client:
        client.sendall(head.encode() + body[:-1])
        time.sleep(0.2)
        os.kill(server.pid, signal.SIGTERM)
        time.sleep(0.2)
        client.sendall(body[-1:])
        client.settimeout(30)
        answer = b""
        while chunk := client.recv(65536):
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 200")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["count"] == 5000
    assert server.stop() == 0


def test_flask_run_serves_for_development(trained, tmp_path):
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-m", "flask", "run", "--debug", "--port", str(port)],
        cwd=ROOT,
        env=clean_environment() | {"ARTIFACTS_DIR": str(trained), "VAR_DIR": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            from tests.conftest import Server

            server = Server(process, f"http://127.0.0.1:{port}", tmp_path / "log")
            server.log_file.touch()
            server.until(lambda: server.ask("/predict", ROW)[0] == 200)
        finally:
            os.killpg(process.pid, signal.SIGTERM)
