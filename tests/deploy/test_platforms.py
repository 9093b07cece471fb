"""What every platform of docs/platforms.md does: the command of the Procfile, PORT alone, SIGTERM."""

import shlex
import signal
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, Server, free_port

ROW = {"feature_1": 0.5, "feature_2": 1.2, "feature_3": -0.3, "feature_4": 75.5, "feature_5": 5}


@pytest.mark.process
def test_the_procfile_s_command_serves_on_port_alone_and_ends_in_order_at_sigterm(trained, tmp_path):
    kind, _, command = (ROOT / "Procfile").read_text().strip().partition(": ")
    assert kind == "web"
    words = shlex.split(command)
    port = free_port()
    given = {"PORT": str(port), "ARTIFACTS_DIR": str(trained), "VAR_DIR": str(tmp_path / "var"), "WEB_CONCURRENCY": "1"}
    program = str(Path(sys.executable).with_name(words[0]))
    server = Server.of([sys.executable, program, *words[1:]], port, tmp_path / "log", **given)
    try:
        server.until(lambda: server.ask("/health/ready")[0] == 200)
        assert server.ask("/predict", ROW)[0] == 200
        assert server.events("open_to_all")
    finally:
        ended = server.stop(signal.SIGTERM)
    assert ended == 0
