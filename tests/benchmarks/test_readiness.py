import dataclasses
import sys

import pytest

from benchmarks import servers
from benchmarks.cores import client_cores, server_cores
from benchmarks.readiness import await_ready
from benchmarks.servers import NotStarted
from benchmarks.targets import BY_NAME

pytestmark = pytest.mark.process


def test_a_server_that_ends_before_it_answers_is_told_by_its_last_lines(make_lab):
    lab = make_lab()
    command = (sys.executable, "-c", "import sys; sys.exit('no such model')")
    target = dataclasses.replace(BY_NAME["bare_asgi"], name="broken", title="Broken", command=command)
    server = servers.start(target, lab.artifact, lab.work / "broken", ())
    try:
        with pytest.raises(NotStarted, match=r"(?s)Broken gave no right answer \(last: nothing\).*no such model"):
            await_ready(server, lab.pool)
    finally:
        server.stop()


def test_the_client_has_a_core_of_its_own_where_there_are_two():
    if len(server_cores(2)) > 1:
        assert not set(client_cores()) & set(server_cores(1))
    assert len(client_cores()) <= 1
