import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.load.arrivals import bursts
from benchmarks.load.openloop import Plan, drive
from benchmarks.load.requests import post

GOOD = b'{"prediction":1,"probability":0.75}'


@contextmanager
def _server(answers) -> Iterator[int]:
    """A server that sends ``answers(number of the request)``, a whole response."""
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


REQUEST = post("/predict", b"{}", True, 1, [(1, 0.75)])


def test_a_stall_counts_for_all_requests_that_were_due_meanwhile():
    def answers(number):
        if number == 5:
            time.sleep(0.4)
        return _ok()

    with _server(answers) as port:
        found = drive(Plan(port, [REQUEST], [0.02 * n for n in range(15)], 1))
    assert found.failed == found.wrong == 0
    assert sum(milliseconds > 150 for milliseconds in found.latency) >= 5


def test_wrong_answers_and_failures_are_counted():
    answers = {0: _ok(), 1: _ok(b'{"prediction":0,"probability":0.75}'), 2: _ok(b'{"prediction":1,"probability":0.8}')}
    refusal = b"HTTP/1.1 503 Sorry\r\nContent-Length: 0\r\n\r\n"
    with _server(lambda number: answers.get(number, refusal)) as port:
        found = drive(Plan(port, [REQUEST], [0.05 * n for n in range(4)], 1))
    assert (found.requests, found.failed, found.wrong) == (4, 1, 2)


def test_a_server_that_closes_each_connection_gets_every_request():
    with _server(lambda number: _ok(more=b"Connection: close\r\n")) as port:
        found = drive(Plan(port, [REQUEST], bursts(4, 0.1, 3), 4))
    assert len(found.latency) == 12
    assert found.failed == 0
