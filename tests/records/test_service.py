"""The guarantees through the real gunicorn."""

import os
import re
import signal
import sqlite3
import threading
import time
import urllib.error

import pytest

from service.records.spool.files import read_counts
from service.settings import Settings
from tests.records.conftest import everything_shipped, until

pytestmark = pytest.mark.process

ROW = {"feature_1": 0.1, "feature_2": 0.2, "feature_3": 0.3, "feature_4": 40.0, "feature_5": 5}


class Load:
    """Clients that predict until ``stop``; ``answered`` has the rows of every 200, ``refused`` counts other answers."""

    def __init__(self, server, clients=4):
        self._server = server
        self._stop = threading.Event()
        self.answered, self.refused = [], 0
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
                self.refused += 1
                continue
            self.refused += status != 200
            if status == 200:
                self.answered += [(answer["prediction_id"], row) for row in range(rows)]

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()


def recorded(folder):
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
    until(lambda: everything_shipped(Settings.read({"VAR_DIR": str(folder)})))
    rows = recorded(folder)
    assert len(rows) == len(set(rows))
    assert set(load.answered) <= set(rows)
    assert read_counts(folder / "spool").lost == 0


@pytest.mark.slow
def test_outcomes_are_known_to_every_worker_and_after_a_restart(serve):
    server = serve(WEB_CONCURRENCY="2")
    server.until_serving(2)
    answer = server.ask("/predict", ROW)[1]
    assert len(server.workers) == 2, "the shipper is none of the server's children"
    outcome = {"prediction_id": answer["prediction_id"], "outcome": answer["prediction"]}
    assert [server.ask("/feedback", outcome)[0] for _ in range(4)] == [201, 200, 200, 200]
    assert server.stop() == 0
    server = serve(WEB_CONCURRENCY="1")
    assert server.ask("/feedback", outcome)[0] == 200
    (version,) = server.ask("/model/performance?window=1h")[1]["versions"]
    assert (version["predictions"], version["outcomes"], version["accuracy"]) == (1, 1, 1.0)


@pytest.mark.slow
@pytest.mark.xdist_group("postgres")
def test_a_minute_without_the_database_costs_no_request_and_no_record(serve, postgres, tmp_path):
    server = serve(WEB_CONCURRENCY="2", LOG_LEVEL="warning", DATABASE_URL=postgres.address)
    load = Load(server, clients=2)
    try:
        until(lambda: len(load.answered) > 100)
        postgres.stop()
        gone = time.monotonic()
        while time.monotonic() < gone + 60:
            before = len(load.answered)
            until(lambda before=before: len(load.answered) > before)
            time.sleep(1)
        postgres.start()
    finally:
        postgres.start_if_stopped()
        load.stop()
    assert load.refused == 0
    assert server.events("records_database_gone")
    assert server.stop() == 0
    settings = Settings.read({"VAR_DIR": str(tmp_path / "var"), "DATABASE_URL": postgres.address})
    until(lambda: everything_shipped(settings))
    rows = postgres.query("SELECT prediction_id, row_index FROM predictions")
    assert len(rows) == len(set(rows))
    assert set(load.answered) <= set(rows)


@pytest.mark.slow
def test_a_full_disk_costs_no_request_and_the_loss_is_counted_and_logged(serve, small_disk):
    disk = small_disk("full", "1m")
    server = serve(VAR_DIR=str(disk), LOG_LEVEL="warning", DATABASE_URL="postgresql://nobody@127.0.0.1:9/none")
    (disk / "ballast").write_bytes(b"x" * (disk_free(disk) - 64 * 1024))
    for _ in range(30):
        status, answer = server.ask("/predict/batch", {"instances": [ROW] * 200})
        assert (status, answer["count"]) == (200, 200)
    assert server.events("records_lost")
    text = server.ask_text("/metrics")
    lost = float(re.search(r'records_total\{state="lost"\} ([0-9.e+]+)', text).group(1))
    spooled = float(re.search(r'records_total\{state="spooled"\} ([0-9.e+]+)', text).group(1))
    assert lost > 0 and lost + spooled == 30 * 200
    server.stop()


def disk_free(folder):
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize
