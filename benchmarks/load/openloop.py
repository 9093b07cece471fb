"""The open loop: requests are due at times fixed beforehand; latency counts from the due time, however late it is sent.

A process of its own on the client's core: ``python -m benchmarks.load.openloop`` reads a pickled Plan from standard
input and writes a pickled LoadResult. It waits in short sleeps and spins for the last part, since a poll's
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

from benchmarks.load.answers import parse_answer
from benchmarks.load.connections import Connection, Connections
from benchmarks.load.requests import Request, is_correct
from benchmarks.measurement import LoadResult
from benchmarks.protocols import PROTOCOLS

SPIN_SECONDS = 0.0015
PATIENCE_SECONDS = 30.0
CHECKED_ROWS = 200_000


@dataclass(frozen=True, slots=True)
class Plan:
    """Requests, sent in turn when they are ``due`` (seconds from the start, ascending), over ``connections``."""

    port: int
    requests: Sequence[Request]
    due: Sequence[float]
    connections: int
    protocol: str = "ours"
    cores: Sequence[int] = ()


def drive(plan: Plan) -> LoadResult:
    """Run a plan in a process of its own; latencies come in the order of the requests."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load.openloop"],
        input=pickle.dumps(plan),
        capture_output=True,
        check=False,
        start_new_session=True,  # as wrk
    )
    if done.returncode:
        raise RuntimeError(f"the open loop failed: {done.stderr.decode(errors='replace')[-800:]}")
    found: LoadResult = pickle.loads(done.stdout)  # noqa: S301 - written by our own child process
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
        self._checked_rows = 0

    def run(self) -> LoadResult:
        """Send every request when it is due, and wait for the last answer."""
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
                self._errors += not connections.send(place, memoryview(self._request(place).raw))
            if now > end:
                self._errors += len(connections.busy) + len(self._waiting)
                break
            ahead = due[following] - now if following < len(due) else 0.01
            for connection in connections.ready(0 if ahead < SPIN_SECONDS else ahead - SPIN_SECONDS / 2):
                self._receive(connection)
        return self._result()

    def _result(self) -> LoadResult:
        due, wrong = self._plan.due, self._wrong()
        times = os.times()
        return LoadResult(
            latency=[milliseconds for _, milliseconds in sorted(self._latency)],
            requests=len(due),
            failed=self._errors,
            wrong=wrong,
            checked=len(self._answers),
            seconds=due[-1] if due else 0.0,
            late=max(self._late, default=0.0) * 1000,
            late_p99=heapq.nsmallest(max(1, int(len(self._late) * 0.99)), self._late)[-1] * 1000 if due else 0.0,
            client_cpu=times.user + times.system,
        )

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
        else:  # closed before a byte came back: the request goes out again on a new connection
            self._waiting.appendleft(connection.place)
            self._connections.release(connection, close=True)

    def _done(self, connection: Connection, status: int, body: bytes, close: bool) -> None:
        place = connection.place
        self._latency.append((place, (time.perf_counter() - self._zero - self._plan.due[place]) * 1000))
        request = self._request(place)
        if status != request.status:
            self._errors += 1
        elif self._checked_rows < CHECKED_ROWS:
            self._checked_rows += request.rows
            self._answers.append((place, status, body))
        self._connections.release(connection, close)

    def _fail(self, connection: Connection) -> None:
        self._errors += 1
        self._connections.release(connection, close=True)

    def _request(self, place: int) -> Request:
        return self._plan.requests[place % len(self._plan.requests)]

    def _wrong(self) -> int:
        protocol = PROTOCOLS[self._plan.protocol]
        return sum(
            not is_correct(self._request(place), status, body, protocol) for place, status, body in self._answers
        )


if __name__ == "__main__":
    plan = pickle.loads(sys.stdin.buffer.read())  # noqa: S301 - written by our own parent
    if plan.cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, plan.cores)
    sys.stdout.buffer.write(pickle.dumps(_Loop(plan).run()))
