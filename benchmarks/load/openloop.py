"""The open loop: requests are due at times fixed beforehand, whatever the server does; latency counts from then.

A process of its own on the client's core: ``python -m benchmarks.load.openloop`` reads a pickled Plan from standard
input and writes a pickled dictionary. It waits in short sleeps and spins for the last part, since a poll's
resolution is a millisecond.
"""

import heapq
import os
import pickle
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.load.answers import parse_answer
from benchmarks.load.connections import Connection, Connections
from benchmarks.load.exchange import Ask, right
from benchmarks.protocols import DIALECTS

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


def drive(plan: Plan) -> dict[str, Any]:
    """Run a plan in a process of its own; see ``_Loop.run`` for what comes back."""
    said = subprocess.run(
        [sys.executable, "-m", "benchmarks.load.openloop"],
        input=pickle.dumps(plan),
        capture_output=True,
        check=False,
        start_new_session=True,  # as wrk
    )
    if said.returncode:
        raise RuntimeError(f"the open loop failed: {said.stderr.decode(errors='replace')[-800:]}")
    found: dict[str, Any] = pickle.loads(said.stdout)  # noqa: S301 - written by our own child a moment ago
    return found


class _Loop:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._connections = Connections(plan.port, plan.connections)
        self._waiting: deque[int] = deque()
        self._latency: list[tuple[int, float]] = []
        self._answers: list[tuple[int, int, bytes]] = []
        self._errors = 0
        self._late: list[float] = []
        self._kept_rows = 0

    def run(self) -> dict[str, Any]:
        """Latencies in ms by ascending time, errors, wrong answers, the client's own lateness and CPU seconds."""
        due, clock = self._plan.due, time.perf_counter
        connections = self._connections
        self._zero, following = clock() + 0.02, 0
        end = due[-1] + PATIENCE_SECONDS if due else 0.0
        while following < len(due) or connections.busy or self._waiting:
            now = clock() - self._zero
            while following < len(due) and due[following] <= now:
                self._waiting.append(following)
                self._late.append(now - due[following])
                following += 1
            while self._waiting and connections.idle:
                place = self._waiting.popleft()
                self._errors += not connections.send(place, memoryview(self._ask(place).raw))
            if now > end:
                self._errors += len(connections.busy) + len(self._waiting)
                break
            ahead = due[following] - now if following < len(due) else 0.01
            for connection in connections.ready(0 if ahead < SPIN_SECONDS else ahead - SPIN_SECONDS / 2):
                self._receive(connection)
        return self._told()

    def _told(self) -> dict[str, Any]:
        due, wrong = self._plan.due, self._wrong()
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

    def _receive(self, connection: Connection) -> None:
        try:
            read = connection.socket.recv(262_144)
        except BlockingIOError:
            return
        except OSError:
            self._fail(connection)
            return
        if read:
            connection.buffer += read
            whole = parse_answer(connection.buffer)
            if whole is not None:
                self._done(connection, *whole)
        elif connection.buffer:
            self._fail(connection)
        else:  # closed before a byte came back: the request is due all the same, on a new one
            self._waiting.appendleft(connection.place)
            self._connections.release(connection, close=True)

    def _done(self, connection: Connection, status: int, body: bytes, close: bool) -> None:
        place = connection.place
        self._latency.append((place, (time.perf_counter() - self._zero - self._plan.due[place]) * 1000))
        ask = self._ask(place)
        if status != ask.status:
            self._errors += 1
        elif self._kept_rows < CHECKED_ROWS:
            self._kept_rows += ask.rows
            self._answers.append((place, status, body))
        self._connections.release(connection, close)

    def _fail(self, connection: Connection) -> None:
        self._errors += 1
        self._connections.release(connection, close=True)

    def _ask(self, place: int) -> Ask:
        return self._plan.asks[place % len(self._plan.asks)]

    def _wrong(self) -> int:
        dialect = DIALECTS[self._plan.dialect]
        return sum(not right(self._ask(place), status, body, dialect) for place, status, body in self._answers)


if __name__ == "__main__":
    plan = pickle.loads(sys.stdin.buffer.read())  # noqa: S301 - written by our own parent
    if plan.cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, plan.cores)
    sys.stdout.buffer.write(pickle.dumps(_Loop(plan).run()))
