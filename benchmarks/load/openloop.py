"""The open loop: requests are due at times fixed beforehand, whatever the server does; latency counts from then.

A process of its own on the client's core: ``python -m benchmarks.load.openloop`` reads a pickled Plan from standard
input and writes a pickled dictionary. It waits in short sleeps and spins for the last part, since a poll's
resolution is a millisecond.
"""

import heapq
import os
import pickle
import random
import select
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.dialects import DIALECTS
from benchmarks.load.requests import Ask, right

SPIN_SECONDS = 0.0015
PATIENCE_SECONDS = 30.0
CHECKED_ROWS = 200_000


@dataclass(frozen=True, slots=True)
class Plan:
    """When (seconds from the start, ascending) which ask is due, over how many connections."""

    port: int
    asks: Sequence[Ask]
    due: Sequence[float]
    connections: int
    dialect: str = "ours"
    cores: Sequence[int] = ()


def steady(rate: float, seconds: float, seed: int = 1) -> list[float]:
    """Arrivals at random (Poisson), ``rate`` a second on average, the same in each round."""
    draw = random.Random(seed)
    due, now = [], 0.0
    while (now := now + draw.expovariate(rate)) < seconds:
        due.append(now)
    return due


def bursts(size: int, every: float, count: int) -> list[float]:
    """``count`` bursts of ``size`` requests due at the same instant."""
    return [0.05 + burst * every for burst in range(count) for _ in range(size)]


def drive(plan: Plan) -> dict[str, object]:
    """Run a plan in a process of its own; see ``_Loop.run`` for what comes back."""
    said = subprocess.run(
        [sys.executable, "-m", "benchmarks.load.openloop"], input=pickle.dumps(plan), capture_output=True, check=False
    )
    if said.returncode:
        raise RuntimeError(f"the open loop failed: {said.stderr.decode(errors='replace')[-800:]}")
    found: dict[str, object] = pickle.loads(said.stdout)  # noqa: S301 - written by our own child a moment ago
    return found


@dataclass(slots=True)
class _Connection:
    socket: socket.socket
    place: int = -1
    buffer: bytearray = field(default_factory=bytearray)
    unsent: memoryview | None = None


class _Loop:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._poll = select.epoll()
        self._idle: list[_Connection] = []
        self._busy: dict[int, _Connection] = {}
        self._waiting: deque[int] = deque()
        self._latency: list[tuple[int, float]] = []
        self._answers: list[tuple[int, int, bytes]] = []
        self._errors = 0
        self._late: list[float] = []
        self._kept_rows = 0
        for _ in range(plan.connections):
            self._idle.append(self._connect())

    def run(self) -> dict[str, object]:
        """Latencies in ms by ascending time, errors, wrong answers, the client's own lateness and CPU seconds."""
        due, clock = self._plan.due, time.perf_counter
        self._zero, following = clock() + 0.02, 0
        end = due[-1] + PATIENCE_SECONDS if due else 0.0
        while following < len(due) or self._busy or self._waiting:
            now = clock() - self._zero
            while following < len(due) and due[following] <= now:
                self._waiting.append(following)
                self._late.append(now - due[following])
                following += 1
            while self._waiting and self._idle:
                self._send(self._idle.pop(), self._waiting.popleft())
            if now > end:
                self._errors += len(self._busy) + len(self._waiting)
                break
            ahead = due[following] - now if following < len(due) else 0.01
            for number, _ in self._poll.poll(0 if ahead < SPIN_SECONDS else ahead - SPIN_SECONDS / 2):
                self._receive(self._busy.get(number))
        wrong = self._wrong()
        times = os.times()
        return {
            "latency": [milliseconds for _, milliseconds in sorted(self._latency)],
            "requests": len(due),
            "failed": self._errors,
            "wrong": wrong,
            "checked": len(self._answers),
            "seconds": due[-1] if due else 0.0,
            "late": max(self._late, default=0.0) * 1000,
            "late_p99": heapq.nsmallest(max(1, int(len(self._late) * 0.99)), self._late)[-1] * 1000 if due else 0.0,
            "client_cpu": times.user + times.system,
        }

    def _connect(self) -> _Connection:
        opened = socket.create_connection(("127.0.0.1", self._plan.port), timeout=10)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.setblocking(False)
        self._poll.register(opened, select.EPOLLIN)
        return _Connection(opened)

    def _send(self, connection: _Connection, place: int) -> None:
        connection.place = place
        connection.buffer.clear()
        self._busy[connection.socket.fileno()] = connection
        raw = memoryview(self._ask(place).raw)
        try:
            sent = connection.socket.send(raw)
        except OSError:  # the server closed it while idle: once more on a fresh one
            connection = self._renewed(connection)
            connection.place = place
            self._busy[connection.socket.fileno()] = connection
            try:
                sent = connection.socket.send(raw)
            except OSError:
                self._fail(connection)
                return
        if sent < len(raw):
            connection.socket.setblocking(True)
            connection.socket.sendall(raw[sent:])
            connection.socket.setblocking(False)

    def _receive(self, connection: _Connection | None) -> None:
        if connection is None:
            self._sweep()
            return
        try:
            read = connection.socket.recv(262_144)
        except BlockingIOError:
            return
        except OSError:
            self._fail(connection)
            return
        if not read:
            self._closed(connection)
            return
        connection.buffer += read
        whole = parse_answer(connection.buffer)
        if whole is not None:
            self._done(connection, *whole)

    def _closed(self, connection: _Connection) -> None:
        if not connection.buffer:  # closed before a byte came back: the request is due all the same, on a new one
            place = connection.place
            del self._busy[connection.socket.fileno()]
            self._idle.append(self._renewed(connection))
            self._waiting.appendleft(place)
        else:
            self._fail(connection)

    def _done(self, connection: _Connection, status: int, body: bytes, close: bool) -> None:
        place = connection.place
        self._latency.append((place, (time.perf_counter() - self._zero - self._plan.due[place]) * 1000))
        ask = self._ask(place)
        if status != ask.status:
            self._errors += 1
        elif self._kept_rows < CHECKED_ROWS:
            self._kept_rows += ask.rows
            self._answers.append((place, status, body))
        del self._busy[connection.socket.fileno()]
        self._idle.append(self._renewed(connection) if close else connection)

    def _fail(self, connection: _Connection) -> None:
        self._errors += 1
        self._busy.pop(connection.socket.fileno(), None)
        self._idle.append(self._renewed(connection))

    def _renewed(self, connection: _Connection) -> _Connection:
        self._busy.pop(connection.socket.fileno(), None)
        connection.socket.close()
        return self._connect()

    def _sweep(self) -> None:
        """Replace idle connections that the server closed."""
        for number, connection in enumerate(self._idle):
            try:
                if not connection.socket.recv(1, socket.MSG_PEEK):
                    self._idle[number] = self._renewed(connection)
            except BlockingIOError:
                continue
            except OSError:
                self._idle[number] = self._renewed(connection)

    def _ask(self, place: int) -> Ask:
        return self._plan.asks[place % len(self._plan.asks)]

    def _wrong(self) -> int:
        dialect = DIALECTS[self._plan.dialect]
        return sum(not right(self._ask(place), status, body, dialect) for place, status, body in self._answers)


def parse_answer(buffer: bytearray) -> tuple[int, bytes, bool] | None:
    """Status, body and whether the connection closes, once the answer is whole."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(buffer[:end]).lower()
    start = end + 4
    length = head.find(b"content-length:")
    close = b"connection: close" in head
    if length >= 0:
        size = int(head[length + 15 :].split(b"\r\n", 1)[0])
        return (int(head[9:12]), bytes(buffer[start : start + size]), close) if len(buffer) - start >= size else None
    if b"transfer-encoding: chunked" in head and buffer.endswith(b"0\r\n\r\n"):
        return int(head[9:12]), _unchunked(bytes(buffer[start:])), close
    return None


def _unchunked(body: bytes) -> bytes:
    parts = []
    while body:
        size, _, body = body.partition(b"\r\n")
        count = int(size.split(b";")[0], 16)
        if not count:
            break
        parts.append(body[:count])
        body = body[count + 2 :]
    return b"".join(parts)


if __name__ == "__main__":
    plan = pickle.loads(sys.stdin.buffer.read())  # noqa: S301 - written by our own parent
    if plan.cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, plan.cores)
    sys.stdout.buffer.write(pickle.dumps(_Loop(plan).run()))
