"""GET /metrics of a real gunicorn."""

import http.client
import os
import signal
import socket
import threading
import urllib.request
from contextlib import closing, suppress
from http.client import HTTPException
from pathlib import Path

import pytest

from service.metrics.scrape_server import MAX_CONNECTIONS
from tests.records.conftest import until

pytestmark = pytest.mark.process


@pytest.fixture
def scrape(samples):
    """The samples at a URL."""

    def scrape(url: str) -> dict[str, float]:
        with urllib.request.urlopen(url, timeout=10) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain")
            return samples(answer.read())

    return scrape


@pytest.fixture
def free_address():
    """An address that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"127.0.0.1:{probe.getsockname()[1]}"


PREDICTED = 'http_requests_total{method="POST",route="/predict",status="200"}'


def test_counts_hold_over_workers_through_kill_and_reload(serve, scrape):
    server = serve(WEB_CONCURRENCY="2")
    server.until_serving(2)
    row = server.ask("/model/info")[1]["features"]
    row = {feature["name"]: feature["example"] for feature in row}
    version = server.ask("/health")[1]["model_version"]
    for _ in range(20):
        assert server.ask("/predict", row)[0] == 200
    assert server.ask("/predict", row | {"feature_4": "x", "nonsense": 1})[0] == 422
    assert server.ask("/predict/batch", {"instances": [row] * 7})[0] == 200
    found = scrape(server.url + "/metrics")
    assert found[PREDICTED] == 20
    assert found['validation_errors_total{field="feature_4"}'] == 1
    assert found['validation_errors_total{field="unknown"}'] == 1
    assert sum(value for name, value in found.items() if name.startswith("predictions_total")) == 27
    assert found["prediction_batch_rows_sum"] == 7
    for phase in ("validate", "predict", "serialise"):
        assert found[f'prediction_duration_seconds_count{{model_version="{version}",phase="{phase}"}}'] == 21
    engine = server.ask("/model/info")[1]["engine"]
    assert found[f'model_info{{engine="{engine}",model_version="{version}"}}'] == 1
    assert found[f'model_created_timestamp_seconds{{model_version="{version}"}}'] > 1.7e9
    assert (found["http_worker_slots"], found["model_degraded"]) == (2, 0)
    server.until(lambda: scrape(server.url + "/metrics")["http_requests_in_flight"] == 1)

    before = server.workers
    os.kill(before[0], signal.SIGKILL)
    server.until(lambda: before[0] not in server.workers)
    server.until_serving(2)
    os.kill(server.pid, signal.SIGHUP)
    server.until(lambda: not set(before) & set(server.workers) and len(server.workers) == 2)
    assert server.ask("/predict", row)[0] == 200
    found = scrape(server.url + "/metrics")
    assert found[PREDICTED] == 21
    server.until(lambda: scrape(server.url + "/metrics")["worker_exits_total"] == 3)


def test_a_scrape_is_answered_while_every_worker_is_stopped(serve, scrape, free_address):
    server = serve(WEB_CONCURRENCY="2", METRICS_BIND=free_address)
    url = f"http://{free_address}/metrics"
    server.until(lambda: scrape(url)["http_worker_slots"] == 2)
    for worker in server.workers:
        os.kill(worker, signal.SIGSTOP)
    try:
        assert scrape(url)['http_requests_total{method="GET",route="/health/live",status="200"}'] >= 1
    finally:
        for worker in server.workers:
            os.kill(worker, signal.SIGCONT)


def test_a_slow_client_does_not_keep_a_scrape_waiting(serve, scrape, free_address):
    server = serve(METRICS_BIND=free_address)
    host, port = free_address.split(":")
    with socket.create_connection((host, int(port))) as slow:
        slow.sendall(b"GET /met")
        server.until(lambda: scrape(f"http://{free_address}/metrics")["http_worker_slots"] == 1)


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP])
def test_a_listener_that_died_or_hangs_is_replaced_by_itself(serve, scrape, free_address, fault):
    server = serve(METRICS_BIND=free_address)
    url = f"http://{free_address}/metrics"
    server.until(lambda: scrape(url) is not None)
    (listener,) = listeners(server)
    os.kill(listener, fault)
    server.until(lambda: listeners(server) not in ([], [listener]), 120)
    server.until(lambda: scrape(url) is not None)
    assert server.events("metrics_listener_replaced")
    server.stop()
    with pytest.raises(OSError, match="refused"):
        scrape(url)


def listeners(server):
    return [pid for pid, command in server.children.items() if "scrape_server" in command]


def test_a_crowd_of_silent_or_slow_clients_keeps_no_scrape_waiting_and_takes_no_threads(serve, scrape, free_address):
    server = serve(METRICS_BIND=free_address)
    host, port = free_address.split(":")
    url = f"http://{free_address}/metrics"
    server.until(lambda: scrape(url) is not None)
    (listener,) = listeners(server)
    crowd = [socket.create_connection((host, int(port)), timeout=30) for _ in range(200)]
    try:
        for client in crowd[::2]:
            with suppress(OSError):  # closed already: it is one of the oldest
                client.sendall(b"GET /met")
        assert scrape(url)["http_worker_slots"] == 1
        assert len(list(Path(f"/proc/{listener}/task").iterdir())) == 1
        assert len(list(Path(f"/proc/{listener}/fd").iterdir())) < MAX_CONNECTIONS + 16
        for client in crowd:  # each is closed by the listener in the end
            with suppress(ConnectionResetError):
                assert client.recv(1) == b""
    finally:
        for client in crowd:
            client.close()
    assert scrape(url)["http_worker_slots"] == 1


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /metrics HTTP/1.0\r\n\r\n", b"200"),
        (b"HEAD /metrics?x=1 HTTP/1.1\r\nHost: h\r\n\r\n", b"200"),
        (b"POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", b"405"),
        (b"GET / HTTP/1.1\r\n\r\n", b"404"),
        (b"\x16\x03\x01\r\n\r\n", b"405"),
        (b"GET /metrics HTTP/1.1\r\nx: " + b"y" * 100_000, b"431"),
    ],
)
def test_the_listener_answers_whatever_it_is_sent(serve, free_address, request_bytes, status):
    server = serve(METRICS_BIND=free_address)
    host, port = free_address.split(":")
    server.until(lambda: listeners(server) and socket.create_connection((host, int(port))).close() is None)
    with socket.create_connection((host, int(port)), timeout=30) as client:
        client.sendall(request_bytes)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 " + status)
    assert b"Connection: close" in head
    assert bool(body) == (status == b"200" and not request_bytes.startswith(b"HEAD"))


def test_an_address_that_is_taken_stops_the_start_with_one_sentence(serve, free_address, tmp_path):
    host, port = free_address.split(":")
    with (
        socket.create_server((host, int(port))),
        pytest.raises(AssertionError, match=r"Error: METRICS_BIND=.*Address already in use\.\n"),
    ):
        serve(METRICS_BIND=free_address)


def test_an_upgrade_by_sigusr2_keeps_the_listener_and_the_counts(serve, scrape, free_address):
    server = serve(METRICS_BIND=free_address, WEB_CONCURRENCY="1")
    url = f"http://{free_address}/metrics"
    server.until(lambda: scrape(url)["http_worker_slots"] == 1)
    before = scrape(url)
    server.process.send_signal(signal.SIGUSR2)
    server.until(lambda: len(server.events("metrics_listening")) == 2)
    new = server.events("metrics_listening")[1]["pid"]
    try:
        assert server.stop() == 0
        after = scrape(url)
        assert all(after[name] >= count for name, count in before.items() if "_total" in name)
    finally:
        os.kill(new, signal.SIGTERM)
        until(lambda: not Path(f"/proc/{new}").exists())


def test_a_killed_master_leaves_the_addresses_to_the_next(serve, scrape, free_address):
    first = serve(METRICS_BIND=free_address, WEB_CONCURRENCY="1")
    address = first.url.partition("//")[2]
    busy = threading.Thread(target=keep_busy, args=(address,), daemon=True)
    busy.start()
    first.process.kill()
    first.process.wait()
    serve(METRICS_BIND=free_address, WEB_CONCURRENCY="1").until_serving(1)
    busy.join(20)
    assert not busy.is_alive(), "its worker closed it, long before graceful_timeout"
    host, port = address.split(":")
    with socket.create_server((host, int(port))):
        pass
    assert scrape(f"http://{free_address}/metrics")["http_worker_slots"] == 1


def keep_busy(address):
    """Send requests on one connection without a pause: its worker is never idle, and serves it until it must stop."""
    with closing(http.client.HTTPConnection(address, timeout=60)) as connection, suppress(OSError, HTTPException):
        while True:
            connection.request("GET", "/health/live")
            answer = connection.getresponse()
            answer.read()
            if answer.will_close:
                return


def test_a_worker_that_was_asked_to_end_is_told_from_one_that_died(serve, scrape):
    server = serve(WEB_CONCURRENCY="1")
    server.until_serving(1)

    def counts():
        found = scrape(server.url + "/metrics")
        return found["worker_exits_total"], found["worker_exits_in_order_total"]

    assert counts() == (0, 0)
    os.kill(server.pid, signal.SIGHUP)
    server.until(lambda: counts() == (1, 1))
    server.until(lambda: len(server.workers) == 1)
    os.kill(server.workers[0], signal.SIGKILL)
    server.until(lambda: counts() == (2, 1))
