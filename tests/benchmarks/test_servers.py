import socket

import psutil
import pytest

from benchmarks import servers
from benchmarks.load.scenario_requests import requests_for
from benchmarks.load.sequential import sequential
from benchmarks.readiness import await_ready
from benchmarks.scenarios import ONE_ROW
from benchmarks.targets import BY_NAME

OTHERS = ("flask_waitress", "flask_granian", "flask_uwsgi", "flask_mod_wsgi", "bare_asgi")


@pytest.mark.process
@pytest.mark.parametrize("name", [name for name in OTHERS if not BY_NAME[name].missing()])
def test_a_server_answers_rightly_and_leaves_nothing_behind(name, artifact, pool, tmp_path):
    target = BY_NAME[name]
    server = servers.start(target, artifact, tmp_path / "work", ())
    try:
        await_ready(server, pool)
        found = sequential(server.port, requests_for(ONE_ROW, target, pool), 0.0, target.protocol, least=20)
        tree = server.tree()
    finally:
        server.stop()
    assert (found.failed, found.wrong) == (0, 0)
    assert server.process.returncode in (0, -15)
    psutil.wait_procs(tree, timeout=10)
    assert not [process for process in tree if process.is_running()]
    with socket.socket() as opened:
        assert opened.connect_ex(("127.0.0.1", server.port)) != 0


def test_a_target_that_cannot_be_prepared_says_why(artifact, tmp_path):
    target = BY_NAME["mlserver"]
    with pytest.raises(servers.NotStarted, match=r"(?s)mlserver could not be prepared:.*No such file"):
        servers.start(target, artifact.parent / "nothing", tmp_path / "work", ())
