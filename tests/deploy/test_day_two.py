"""The signals of docs/deployment.md cost a running service no request."""

import os
import signal
import threading

import pytest

pytestmark = pytest.mark.process

ROW = {"feature_1": 0.5, "feature_2": 1.2, "feature_3": -0.3, "feature_4": 75.5, "feature_5": 5}


@pytest.fixture
def client_of():
    """Factory of clients that send requests all the time, one connection each; it returns the statuses received."""
    stop, threads = threading.Event(), []

    def start(server):
        statuses = []

        def send():
            while not stop.is_set():
                try:
                    statuses.append(server.ask("/predict", ROW)[0])
                except Exception as exc:  # any failure is one that a client would see
                    statuses.append(repr(exc))
                stop.wait(0.01)

        threads.append(threading.Thread(target=send))
        threads[-1].start()
        return statuses

    yield start
    stop.set()
    for thread in threads:
        thread.join(60)


def test_a_reload_and_a_change_of_the_number_of_workers_cost_no_request(serve, client_of):
    server = serve(WEB_CONCURRENCY="2")
    server.until_serving(2)
    statuses = client_of(server)
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
