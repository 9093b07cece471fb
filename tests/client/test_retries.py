"""What the client goes through: restarts, killed workers, a stop and a start, overload, rate limits."""

import os
import signal
import socket
import threading
from contextlib import suppress

import pytest
from tabular_client import Client, TooManyRequests, Unreachable

from tests.conftest import free_port, until

pytestmark = pytest.mark.process


class Asking:
    """Threads that ask for the same frames again and again, and hold every answer to the first."""

    def __init__(self, client, frames, threads=3):
        self._client, self._frames = client, frames
        self._expected = [client.predict(frame)["probability"].tolist() for frame in frames]
        self._stop, self.errors, self.answered = threading.Event(), [], 0
        self._threads = [threading.Thread(target=self._run, args=(place,)) for place in range(threads)]

    def _run(self, place):
        while not self._stop.is_set():
            place = (place + 1) % len(self._frames)
            try:
                found = self._client.predict(self._frames[place])["probability"].tolist()
                if found != self._expected[place]:
                    self.errors.append("another row's answer")
            except Exception as exc:
                self.errors.append(exc)
                return
            self.answered += 1

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def until_more(self, answers=6):
        target = self.answered + answers
        until(lambda: self.answered >= target or self.errors)


def test_nobody_notices_reloads_killed_workers_or_a_stop_and_a_start(serve, make_frame):
    port = free_port()
    server = serve(BIND=f"127.0.0.1:{port}", WEB_CONCURRENCY="2", MAX_BATCH_ROWS="50")
    server.until_serving(2)
    frame = make_frame(240)
    client = Client(server.url, retry_seconds=120)
    with Asking(client, [frame.iloc[:120], frame.iloc[120:]]) as asking:
        asking.until_more()
        before = set(server.workers)
        os.kill(server.pid, signal.SIGHUP)
        server.until(lambda: not before & set(server.workers))
        asking.until_more()
        killed = server.workers[0]
        os.kill(killed, signal.SIGKILL)
        server.until(lambda: killed not in server.workers)
        asking.until_more()
        server.stop()
        serve(BIND=f"127.0.0.1:{port}", WEB_CONCURRENCY="2", MAX_BATCH_ROWS="30")  # and it takes fewer rows now
        asking.until_more()
    assert asking.errors == []


def test_an_overloaded_service_is_asked_again(serve, make_frame, caplog):
    caplog.set_level("INFO", "tabular_client")
    server = serve(OVERLOAD_MS="1")
    server.until_serving(1)
    client = Client(server.url, retry_seconds=120)
    with Asking(client, [make_frame(300), make_frame(200)], threads=12) as asking:
        until(lambda: "503: " in caplog.text or asking.errors)
        asking.until_more(12)
    assert asking.errors == []


def test_a_rate_limit_is_waited_for(serve, make_frame):
    server = serve(RATE_LIMIT="3/second")
    server.until_serving(1)
    row = make_frame(1).iloc[0].to_dict()
    client = Client(server.url)
    assert len({client.predict(row)["prediction_id"] for _ in range(8)}) == 8
    assert '"status":429' in server.log().replace(" ", "")


def test_a_wait_that_is_longer_than_the_call_may_take_is_told_at_once(serve, make_frame):
    server = serve(RATE_LIMIT="1/day")
    server.until_serving(1)
    row = make_frame(1).iloc[0].to_dict()
    client = Client(server.url, retry_seconds=3600)
    client.predict(row)
    with pytest.raises(TooManyRequests) as refused:
        client.predict(row)
    assert refused.value.request_id


def test_a_service_that_never_comes_back_is_given_up_after_more_than_one_attempt(make_frame):
    attempts = []

    def hang_up(listener):
        with suppress(OSError):
            while True:
                attempts.append(listener.accept()[0].close())

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=hang_up, args=(listener,), daemon=True).start()
        client = Client(f"http://127.0.0.1:{listener.getsockname()[1]}", retry_seconds=5)
        with pytest.raises(Unreachable, match="cannot be reached"):
            client.predict(make_frame(3))
        listener.shutdown(socket.SHUT_RDWR)
    assert len(attempts) > 1


def test_a_service_that_does_not_answer_is_given_up(serve, make_frame):
    server = serve()
    server.until_serving(1)
    (worker,) = server.workers
    os.kill(worker, signal.SIGSTOP)
    try:
        with pytest.raises(Unreachable, match=r"did not answer within 0\.5 s"):
            Client(server.url, timeout=0.5, retry_seconds=0).health()
    finally:
        os.kill(worker, signal.SIGCONT)
