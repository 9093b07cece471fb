"""What every platform of docs/platforms.md does: the command of the Procfile, PORT alone, SIGTERM."""

import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, Server, clean_environment, free_port

ROW = {"feature_1": 0.5, "feature_2": 1.2, "feature_3": -0.3, "feature_4": 75.5, "feature_5": 5}


@pytest.mark.process
def test_the_procfile_s_command_serves_on_port_alone_and_ends_in_order_at_sigterm(trained, tmp_path):
    kind, _, command = (ROOT / "Procfile").read_text().strip().partition(": ")
    assert kind == "web"
    words = shlex.split(command)
    port = free_port()
    given = {"PORT": str(port), "ARTIFACTS_DIR": str(trained), "VAR_DIR": str(tmp_path / "var"), "WEB_CONCURRENCY": "1"}
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(Path(sys.executable).with_name(words[0])), *words[1:]],
            cwd=ROOT,
            env=clean_environment() | given,
            stdout=output,
            stderr=output,
        )
    server = Server(process, f"http://127.0.0.1:{port}", log)
    try:
        server.until(lambda: server.ask("/health/ready")[0] == 200)
        assert server.ask("/predict", ROW)[0] == 200
        assert server.events("open_to_all")
    finally:
        ended = server.stop(signal.SIGTERM)
    assert ended == 0
