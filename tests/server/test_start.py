"""What a gunicorn master checks when it starts, and which of it may break later."""

import hashlib
import os
import signal
import subprocess
import sys

import pytest

from tests.conftest import ROOT, clean_environment


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
