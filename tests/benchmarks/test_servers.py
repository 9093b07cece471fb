import socket

import psutil
import pytest

from benchmarks import servers
from benchmarks.load.requests import asks_of
from benchmarks.load.sequential import sequential
from benchmarks.readiness import await_ready
from benchmarks.rows import BY_NAME
from benchmarks.scenarios import ONE_ROW

OTHERS = ("flask_waitress", "flask_granian", "flask_uwsgi", "flask_mod_wsgi", "bare_asgi")


@pytest.mark.process
@pytest.mark.parametrize("name", [name for name in OTHERS if not BY_NAME[name].missing()])
def test_a_server_answers_rightly_and_leaves_nothing_behind(name, artifact, pool, tmp_path):
    row = BY_NAME[name]
    server = servers.start(row, artifact, tmp_path / "work", ())
    try:
        await_ready(server, pool)
        found = sequential(server.port, asks_of(ONE_ROW, row, pool), 0.0, row.dialect, least=20)
        tree = server.tree()
    finally:
        server.stop()
    assert (found["failed"], found["wrong"]) == (0, 0)
    assert server.process.returncode in (0, -15)
    psutil.wait_procs(tree, timeout=10)
    assert not [process for process in tree if process.is_running()]
    with socket.socket() as opened:
        assert opened.connect_ex(("127.0.0.1", server.port)) != 0


def test_a_row_that_cannot_be_prepared_says_why(artifact, tmp_path):
    row = BY_NAME["mlserver"]
    with pytest.raises(servers.NotStarted, match=r"(?s)mlserver could not be prepared:.*No such file"):
        servers.start(row, artifact.parent / "nothing", tmp_path / "work", ())
