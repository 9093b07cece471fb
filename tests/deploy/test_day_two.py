"""The signals of docs/deployment.md cost a running service no request."""

import os
import signal

import pytest

pytestmark = pytest.mark.process


def test_a_reload_and_a_change_of_the_number_of_workers_cost_no_request(serve, client_of):
    server = serve(WEB_CONCURRENCY="2")
    server.until_serving(2)
    statuses = client_of(server.url)
    before = set(server.workers)
    os.kill(server.pid, signal.SIGHUP)
    server.until(lambda: len(server.workers) == 2 and not before & set(server.workers))
    for signal_sent, workers in ((signal.SIGTTIN, 3), (signal.SIGTTOU, 2)):
        os.kill(server.pid, signal_sent)
        server.until(lambda workers=workers: len(server.workers) == workers)
    server.until_serving(2)
    seen = len(statuses)
    server.until(lambda: len(statuses) > seen + 10)
    assert set(statuses) == {200}
