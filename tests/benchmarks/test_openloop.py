import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benchmarks.dialects import DIALECTS
from benchmarks.load.openloop import Plan, bursts, drive, parse_answer, steady
from benchmarks.load.requests import get, post, right

GOOD = b'{"prediction":1,"probability":0.75}'


@contextmanager
def _server(answers) -> Iterator[int]:
    """A server that asks ``answers(number of the request)`` for each whole response."""
    count = iter(range(10**6))

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            while line := self.rfile.readline():
                length = 0
                while (line := self.rfile.readline().strip()) != b"":
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                self.rfile.read(length)
                content = answers(next(count))
                self.wfile.write(content)
                if b"Connection: close" in content:
                    return

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def _ok(body=GOOD, more=b""):
    return b"HTTP/1.1 200 OK\r\n" + more + b"Content-Length: %d\r\n\r\n" % len(body) + body


ASK = post("/predict", b"{}", True, 1, [(1, 0.75)])


def test_a_stall_is_charged_to_all_who_were_due_meanwhile():
    def answers(number):
        if number == 5:
            time.sleep(0.4)
        return _ok()

    with _server(answers) as port:
        found = drive(Plan(port, [ASK], [0.02 * n for n in range(15)], 1))
    assert found["failed"] == found["wrong"] == 0
    assert sum(milliseconds > 150 for milliseconds in found["latency"]) >= 5


def test_wrong_answers_and_failures_are_counted():
    answers = {0: _ok(), 1: _ok(b'{"prediction":0,"probability":0.75}'), 2: _ok(b'{"prediction":1,"probability":0.8}')}
    refusal = b"HTTP/1.1 503 Sorry\r\nContent-Length: 0\r\n\r\n"
    with _server(lambda number: answers.get(number, refusal)) as port:
        found = drive(Plan(port, [ASK], [0.05 * n for n in range(4)], 1))
    assert (found["requests"], found["failed"], found["wrong"]) == (4, 1, 2)


def test_a_server_that_closes_each_connection_is_asked_all_the_same():
    with _server(lambda number: _ok(more=b"Connection: close\r\n")) as port:
        found = drive(Plan(port, [ASK], bursts(4, 0.1, 3), 4))
    assert len(found["latency"]) == 12
    assert found["failed"] == 0


def test_arrivals_are_at_random_but_the_same_each_time():
    due = steady(500, 4)
    assert due == steady(500, 4) == sorted(due)
    assert 1700 < len(due) < 2300
    assert max(due) < 4


@pytest.mark.parametrize(
    ("raw", "parsed"),
    [
        (b"HTTP/1.1 200 OK\r\n", None),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nabc", None),
        (b"HTTP/1.1 422 X\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc", (422, b"abc", True)),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", (200, b"abc", False)),
    ],
)
def test_an_answer_is_parsed_once_it_is_whole(raw, parsed):
    assert parse_answer(bytearray(raw)) == parsed


@pytest.mark.parametrize(
    ("body", "good"),
    [
        (GOOD, True),
        (b'{"prediction":1,"probability":0.7500005}', True),
        (b'{"prediction":1}', True),
        (b'{"prediction":"1","probability":0.75}', False),
        (b'{"prediction":1,"probability":0.75', False),
        (b"[]", False),
    ],
)
def test_an_answer_is_right_by_label_and_probability(body, good):
    assert right(ASK, 200, body, DIALECTS["ours"]) is good


def test_a_status_alone_may_be_what_is_expected():
    assert right(get("/health", True), 200, b"", DIALECTS["ours"])
    assert not right(get("/health", True), 503, b"", DIALECTS["ours"])
