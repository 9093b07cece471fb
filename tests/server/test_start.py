"""What a gunicorn master checks when it starts, and which of it may break later."""

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys

import pytest

from tests.conftest import ROOT, clean_environment, free_port, until


@pytest.mark.process
def test_a_malformed_tokens_file_stops_the_start_with_one_sentence(tmp_path):
    path = tmp_path / "tokens"
    path.write_text("shop:secret\n")
    command = [sys.executable, "-m", "gunicorn", "wsgi:app"]
    environment = clean_environment() | {"API_TOKENS_FILE": str(path), "VAR_DIR": str(tmp_path)}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    (line,) = (ended.stdout + ended.stderr).splitlines()
    assert f"line 1 of {path}" in line
    assert "secret" not in line


@pytest.mark.process
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WORKER_CLASS", "os.path"),
        ("WORKER_CLASS", "json.JSONDecoder"),
        ("BIND", "fd://99"),
        ("BIND", "unix:/no/such/folder/x.sock"),
        ("BIND", "192.0.2.1:8000"),
    ],
)
def test_an_unusable_worker_class_or_address_stops_the_start_with_one_sentence(tmp_path, name, value):
    command = [sys.executable, "-m", "gunicorn", "wsgi:app"]
    environment = clean_environment() | {"VAR_DIR": str(tmp_path), name: value}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    (line,) = (ended.stdout + ended.stderr).splitlines()
    assert line.startswith(f"Error: {name}={value!r} cannot be ")


@pytest.mark.process
def test_a_reload_succeeds_after_the_tokens_file_was_deleted(serve, tmp_path):
    path = tmp_path / "tokens"
    path.write_text(f"shop:{hashlib.sha256(b'token').hexdigest()}\n")
    server = serve(API_TOKENS_FILE=str(path))
    before = server.workers
    path.unlink()
    os.kill(server.pid, signal.SIGHUP)
    server.until(lambda: server.workers and not set(server.workers) & set(before))
    server.until(lambda: server.ask("/model/info", headers={"Authorization": "Bearer token"})[0] == 200)
    assert server.ask("/model/info")[0] == 401


@pytest.mark.process
@pytest.mark.parametrize("how", ["setting", "option"])
def test_a_port_that_is_in_use_ends_the_start_with_its_cure(tmp_path, how):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        address = f"127.0.0.1:{port}"
        command = [sys.executable, "-m", "gunicorn", "wsgi:app", *(["--bind", address] if how == "option" else [])]
        settings = {"VAR_DIR": str(tmp_path), "RECORDS": "off"} | ({"BIND": address} if how == "setting" else {})
        ended = subprocess.run(
            command, cwd=ROOT, env=clean_environment() | settings, capture_output=True, text=True, timeout=120
        )
    assert ended.returncode == 1
    lines = [json.loads(line) for line in (ended.stdout + ended.stderr).splitlines()]
    (last,) = [line["message"] for line in lines if line["level"] == "error"]
    assert last.startswith(f"{address} is in use by another program: stop that program")
    assert last.endswith(f"such as BIND=127.0.0.1:{port + 1}")


@pytest.mark.process
def test_make_run_takes_another_port_and_stays_on_the_loopback(trained, tmp_path):
    venv, port = tmp_path / "venv", free_port()
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(sys.executable)
    gunicorn = venv / "bin" / "gunicorn"
    gunicorn.write_text(f'#!/bin/sh\nexec {sys.executable} -m gunicorn "$@"\n')
    gunicorn.chmod(0o755)
    (venv / "run.done").touch()
    environment = clean_environment() | {"VAR_DIR": str(tmp_path), "PORT": str(port), "RECORDS": "off"}
    command = ["make", "run", f"VENV={os.path.relpath(venv, ROOT)}", f"ARTIFACTS_DIR={trained}"]
    with (tmp_path / "log").open("wb") as log:
        run = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        until(lambda: "listening" in (tmp_path / "log").read_text() or run.poll() is not None)
    finally:
        os.killpg(run.pid, signal.SIGTERM)
        run.wait(60)
    printed = (tmp_path / "log").read_text()
    assert f"listening on=http://127.0.0.1:{port} " in printed
    assert "open_to_all" not in printed
