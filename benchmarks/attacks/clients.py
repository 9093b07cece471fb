"""The hostile clients, as data: what each connection sends first, and then again and again.

A process of its own: ``python -m benchmarks.attacks.clients NAME PORT`` attacks until it is killed.
"""

import resource
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass

GET = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
TRAILERS = CHUNKED + b"2\r\n{}\r\n0\r\n" + b"X-T: a\r\n" * 20 + b"\r\n"
LONG = GET.replace(b"health", b"openapi.json") * 20
HEAD, OPTIONS = GET.replace(b"GET", b"HEAD"), b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"
ERRORS = (HEAD + OPTIONS + GET.replace(b"health", b"nothing")) * 10
ABSOLUTE = GET.replace(b"/health", b"http://x/health") * 10
COOKIES = GET.replace(b"\r\n\r\n", b"\r\nCookie: " + b"a=b; " * 1600 + b"\r\n\r\n")
CLOSES = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
TLS = bytes.fromhex("1603010200010001fc0303") + bytes(range(256))
OPENED_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Attack:
    """``count`` connections send ``first``, then ``again`` every ``pause`` seconds; each that is closed is replaced.

    ``reads`` is how many bytes a round each of them reads; ``ends`` tells that it closes its sending side, and
    ``comes_again`` that each round is a new connection.
    """

    name: str
    title: str
    count: int
    first: bytes
    again: bytes = b""
    pause: float = 0.05
    reads: int = 1 << 18
    ends: bool = False
    comes_again: bool = False


ATTACKS: tuple[Attack, ...] = (
    Attack("none", "none", 0, b""),
    Attack("pipelines", "100 requests pipelined on each of 300 connections", 300, GET * 100, GET * 100),
    Attack("colons", "a path of 3,500 colons", 4, b"GET /%20://" + b":" * 3500 + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
    Attack("slow_heads", "a byte of a head a second on 1,000 connections", 1000, POST, b"X", 1.0),
    Attack("never_read", "20 long answers on each of 200 connections, none is read", 200, LONG, reads=0),
    Attack("slow_readers", "20 long answers on each of 200 connections, read slowly", 200, LONG, reads=1024, pause=0.1),
    Attack("tiny_chunks", "chunks of one byte without end on 50 connections", 50, CHUNKED, b"1\r\n \r\n" * 2000),
    Attack("trailers", "chunked bodies with 20 trailers on 50 connections", 50, TRAILERS, TRAILERS),
    Attack(
        "expect",
        "Expect: 100-continue and no body on 500 connections",
        500,
        POST + b"Expect: 100-continue\r\nContent-Length: 99\r\n\r\n",
    ),
    Attack("half_closed", "clients that close their sending side", 100, GET, ends=True, comes_again=True),
    Attack("errors", "HEAD, OPTIONS and 404, 30 pipelined on each of 100 connections", 100, ERRORS, ERRORS),
    Attack(
        "refused", "what gunicorn refuses, on a new connection each", 100, b"GET / HTTP/9.9\r\n\r\n", comes_again=True
    ),
    Attack("heartbeat", "a request at each heartbeat of the worker on 500 connections", 500, GET, GET, 0.25),
    Attack("tls", "the first bytes of TLS, on a new connection each", 100, TLS, comes_again=True),
    Attack("close_flood", "Connection: close, on a new connection each", 100, CLOSES, pause=0.02, comes_again=True),
    Attack("idle", "10,000 idle connections", 10_000, b"", pause=0.5),
    Attack("absolute", "10 targets in absolute form on each of 100 connections", 100, ABSOLUTE, ABSOLUTE),
    Attack("cookies", "cookies of 8 KB on 100 connections", 100, COOKIES, COOKIES),
)
BY_NAME = {attack.name: attack for attack in ATTACKS}


def connect(port: int) -> socket.socket:
    """A connection that never blocks.

    Raises:
        OSError: nobody accepts it within a second.
    """
    client = socket.create_connection(("127.0.0.1", port), timeout=1)
    client.setblocking(False)
    return client


class Crowd:
    """The connections of one attack."""

    def __init__(self, attack: Attack, port: int) -> None:
        self._attack, self._port = attack, port
        self._clients: list[socket.socket] = []

    def round(self) -> None:
        """Replace the connections that were closed, read, and send again."""
        self._fill()
        attack = self._attack
        for client in [client for client in self._clients if not self._exchange(client)]:
            self._clients.remove(client)
            client.close()
        if attack.comes_again:
            self.leave()

    def leave(self) -> None:
        """Close every connection."""
        for client in self._clients:
            client.close()
        self._clients.clear()

    def _fill(self) -> None:
        for _ in range(min(OPENED_AT_ONCE, self._attack.count - len(self._clients))):
            try:
                client = connect(self._port)
                client.send(self._attack.first)
                if self._attack.ends:
                    client.shutdown(socket.SHUT_WR)
            except OSError:
                return
            self._clients.append(client)

    def _exchange(self, client: socket.socket) -> bool:
        """Read and send on one connection; whether it is still open."""
        try:
            with suppress(BlockingIOError):
                if self._attack.reads and client.recv(self._attack.reads) == b"":
                    return False
            with suppress(BlockingIOError):
                if self._attack.again:
                    client.send(self._attack.again)
        except OSError:
            return False
        return True


def main(name: str, port: int) -> None:
    """Attack until the process ends."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    crowd = Crowd(BY_NAME[name], port)
    while True:
        crowd.round()
        time.sleep(BY_NAME[name].pause)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
