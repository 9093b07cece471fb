"""gunicorn started by root with ``--user``: what is made before the change of user belongs to that user."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.conftest import ROOT, Server, clean_environment, free_port, until

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a server as another user"),
]
ROW = {"feature_1": 0.5, "feature_2": 1.2, "feature_3": -0.3, "feature_4": 75.5, "feature_5": 5}
USER = "nobody"


def _python() -> tuple[str, dict[str, str]]:
    """An interpreter that nobody may run, and what its environment needs; the suite's own may lie in root's home."""
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    for python in (sys.executable, shutil.which("python3", path="/usr/local/bin:/usr/bin") or sys.executable):
        environment = {"PYTHONPATH": packages, "PYTHONDONTWRITEBYTECODE": "1"}
        run = (
            subprocess.run(
                [python, "-c", "import sys, numpy, orjson; print(sys.version_info[:2])"],
                env=clean_environment() | environment,
                cwd="/",
                user=USER,
                capture_output=True,
                text=True,
            )
            if os.access(python, os.X_OK) and _runs(python)
            else None
        )
        if run is not None and run.stdout.strip() == str(sys.version_info[:2]):
            return python, environment
    pytest.skip("no Python that the user nobody may run")


def _runs(python: str) -> bool:
    return subprocess.run(["su", "-s", "/bin/sh", USER, "-c", f"{python} -V"], capture_output=True).returncode == 0


@pytest.fixture
def serve_as_nobody(trained):
    folder = Path(tempfile.mkdtemp(prefix="change-of-user-", dir="/tmp"))
    folder.chmod(0o755)
    shutil.copytree(trained, folder / "artifacts")
    servers = []

    def start(*arguments, **settings):
        python, environment = _python()
        port = free_port()
        given = (
            clean_environment()
            | environment
            | {
                "ARTIFACTS_DIR": str(folder / "artifacts"),
                "VAR_DIR": str(folder / "var"),
                "BIND": f"127.0.0.1:{port}",
                "WEB_CONCURRENCY": "2",
            }
        )
        log_file = folder / f"server-{port}.log"
        command = [python, "-m", "gunicorn", "wsgi:app", *arguments]
        with log_file.open("wb") as output:
            process = subprocess.Popen(command, cwd=ROOT, env=given | settings, stdout=output, stderr=output)
        server = Server(process, f"http://127.0.0.1:{port}", log_file)
        servers.append(server)
        server.until(lambda: server.ask("/health/live")[0] == 200)
        return server

    start.folder = folder
    yield start
    for server in servers:
        server.stop()
    shutil.rmtree(folder)


def _everything_works(server, metrics_bind):
    server.until_serving(2)
    status, answer = server.ask("/predict", ROW)
    assert status == 200
    outcome = {"prediction_id": answer["prediction_id"], "row": 0, "outcome": answer["prediction"]}
    server.until(lambda: server.ask("/feedback", outcome)[0] in (200, 201))
    server.until(lambda: 'records_total{state="shipped"} 0.0' not in server.ask_text("/metrics"))
    text = server.ask_text("/metrics")
    assert 'http_requests_total{method="POST",route="/predict",status="200"}' in text
    server.url, url = f"http://{metrics_bind}", server.url
    server.until(lambda: "predictions_total" in server.ask_text("/metrics"))
    server.url = url
    assert "Traceback" not in server.log()


def _owners(folder):
    return {path.stat().st_uid for path in (folder, *folder.rglob("*"))}


def test_started_by_root_as_another_user_all_of_the_service_works_and_belongs_to_that_user(serve_as_nobody):
    listener = f"127.0.0.1:{free_port()}"
    server = serve_as_nobody("--user", USER, METRICS_BIND=listener, RATE_LIMIT="100/minute", MONITOR_SECONDS="1")
    _everything_works(server, listener)
    nobody = pwd.getpwnam(USER).pw_uid
    assert _owners(serve_as_nobody.folder / "var") == {nobody}
    for pid in server.children:
        assert Path(f"/proc/{pid}").stat().st_uid == nobody


def test_what_an_earlier_start_as_root_left_is_given_to_the_user(serve_as_nobody):
    first = serve_as_nobody()
    first.until_serving(2)
    assert first.ask("/predict", ROW)[0] == 200
    first.stop()
    until(lambda: _owners(serve_as_nobody.folder / "var") == {0})
    (serve_as_nobody.folder / "var" / ".last_good.json-abc").touch()  # as a process leaves it that ends at a bad time
    listener = f"127.0.0.1:{free_port()}"
    server = serve_as_nobody("--user", USER, METRICS_BIND=listener)
    _everything_works(server, listener)
    assert _owners(serve_as_nobody.folder / "var") == {pwd.getpwnam(USER).pw_uid}
