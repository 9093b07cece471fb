"""The guarantees through the real gunicorn."""

import os
import signal
import sqlite3
import threading
import time
import urllib.error

import pytest

from service.records.counts import read_counts
from service.records.place import spool_files
from tests.records.conftest import until

pytestmark = pytest.mark.process

ROW = {"feature_1": 0.1, "feature_2": 0.2, "feature_3": 0.3, "feature_4": 40.0, "feature_5": 5}


class Load:
    """Clients that predict until they are told to stop; ``answered`` has every row that was answered with 200."""

    def __init__(self, server, clients=4):
        self._server = server
        self._stop = threading.Event()
        self.answered = []
        self._threads = [threading.Thread(target=self._predict, args=(number,)) for number in range(clients)]
        for thread in self._threads:
            thread.start()

    def _predict(self, number):
        while not self._stop.is_set():
            try:
                if number % 2:
                    status, answer = self._server.ask("/predict", ROW)
                    rows = 1
                else:
                    status, answer = self._server.ask("/predict/batch", {"instances": [ROW] * 3})
                    rows = 3
            except (OSError, urllib.error.URLError, ValueError):
                time.sleep(0.02)  # its worker was killed
                continue
            if status == 200:
                self.answered += [(answer["prediction_id"], row) for row in range(rows)]

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()


def kept(folder):
    with sqlite3.connect(folder / "predictions.db") as connection:
        return connection.execute("SELECT prediction_id, row_index FROM predictions").fetchall()


@pytest.mark.slow
def test_killed_workers_lose_no_record_of_an_answer_and_the_stop_ships_all(serve, tmp_path):
    server = serve(WEB_CONCURRENCY="2", LOG_LEVEL="warning")
    load = Load(server)
    try:
        for _ in range(3):
            before = len(load.answered)
            until(lambda before=before: len(load.answered) > before + 40)
            os.kill(server.workers[0], signal.SIGKILL)
    finally:
        load.stop()
    assert server.stop() == 0
    folder = tmp_path / "var"
    until(lambda: not spool_files(folder / "spool"))
    rows = kept(folder)
    assert len(rows) == len(set(rows))
    assert set(load.answered) <= set(rows)
    assert read_counts(folder / "spool").lost == 0


@pytest.mark.slow
def test_outcomes_are_known_to_every_worker_and_after_a_restart(serve):
    server = serve(WEB_CONCURRENCY="2")
    answer = server.ask("/predict", ROW)[1]
    assert len(server.workers) == 2, "the shipper is none of the server's children"
    outcome = {"prediction_id": answer["prediction_id"], "outcome": answer["prediction"]}
    assert [server.ask("/feedback", outcome)[0] for _ in range(4)] == [201, 200, 200, 200]
    assert server.stop() == 0
    server = serve(WEB_CONCURRENCY="1")
    assert server.ask("/feedback", outcome)[0] == 200
    (version,) = server.ask("/model/performance?window=1h")[1]["versions"]
    assert (version["predictions"], version["outcomes"], version["accuracy"]) == (1, 1, 1.0)
