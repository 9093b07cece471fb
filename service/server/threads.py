"""What may take long runs in threads: a route that may wait for a database, a long body, a streamed response.

A connection whose request is in a thread, or waits for one, is not in the loop. It comes back by a deferred call.
"""

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Any

from service.server.connection import Connection
from service.server.wsgi import BufferedResponse


@dataclass(slots=True)
class Job:
    """Work for a thread. ``expire`` is called instead when it had to wait for too long, ``dropped`` asks beforehand."""

    run: Callable[[], None]
    expire: Callable[[], None]
    is_dropped: Callable[[], bool]
    since: float


class Lanes:
    """Threads by what is done in them: each lane has as many of its own, so that no kind of work holds up another.

    Everything here is called by the loop's thread.
    """

    def __init__(self, pool: Executor, size: int, wait: float, done: Callable[[str], None]) -> None:
        self._pool, self._size, self._wait, self._done = pool, size, wait, done
        self._running: dict[str, int] = {}
        self._waiting: dict[str, deque[Job]] = {}

    def submit(self, lane: str, job: Job) -> None:
        """Run a job as soon as its lane has a thread."""
        if self._running.get(lane, 0) < self._size:
            self._start(lane, job)
        else:
            self._waiting.setdefault(lane, deque()).append(job)

    def _start(self, lane: str, job: Job) -> None:
        self._running[lane] = self._running.get(lane, 0) + 1
        self._pool.submit(job.run).add_done_callback(lambda _: self._done(lane))

    def free(self, lane: str) -> None:
        """A thread of the lane has finished: start what waits for it."""
        self._running[lane] -= 1
        waiting = self._waiting.get(lane)
        while waiting:
            job = waiting.popleft()
            if job.is_dropped():
                job.expire()
                continue
            self._start(lane, job)
            return

    def sweep(self, now: float) -> None:
        """Expire the jobs that have waited for too long."""
        for waiting in self._waiting.values():
            while waiting and now - waiting[0].since > self._wait:
                waiting.popleft().expire()


class RequestThreads:
    """Runs the requests of a worker in threads, and gives their connections back to it.

    The worker is called in the loop's thread: ``take_back`` with what is left to send, ``take_back_failed``, or
    ``refuse_taken`` for a request that has waited for too long.
    """

    def __init__(self, worker: Any) -> None:
        self._worker, self._defer = worker, worker.method_queue.defer
        self._lanes = Lanes(
            worker.tpool, worker.cfg.threads, worker.policy.thread_wait, partial(self._defer, self._done)
        )

    def sweep(self, now: float) -> None:
        """Refuse what has waited for a thread for too long."""
        self._lanes.sweep(now)

    def run_request(self, conn: Connection, req: Any, body: bytes) -> None:
        """Run the application in a thread."""
        expire = partial(self._worker.refuse_taken, conn, req)
        self._submit(conn, partial(self._respond, conn, req, body), expire)

    def run_stream(self, conn: Connection, req: Any, resp: BufferedResponse) -> None:
        """Run the stream of a response to its end in a thread."""
        expire = partial(self._worker.refuse_taken, conn, req, resp)
        self._submit(conn, partial(self._finish, conn, resp), expire)

    def _submit(self, conn: Connection, work: Callable[[], None], expire: Callable[[], None]) -> None:
        self._worker.leave(conn)
        self._lanes.submit(conn.route[0], Job(work, expire, conn.has_left, time.monotonic()))

    def _done(self, lane: str) -> None:
        self._lanes.free(lane)

    def _respond(self, conn: Connection, req: Any, body: bytes) -> None:
        """Called in a thread, as ``_finish`` is."""
        try:
            resp: BufferedResponse = self._worker.handler.respond(req, body, conn.sock, conn.environ)
        except Exception as exc:
            self._defer(self._worker.take_back_failed, conn, exc)
            return
        if resp.stream is None:
            self._defer(self._worker.take_back, conn, resp.take(), not resp.should_close())
        else:
            self._finish(conn, resp)

    def _finish(self, conn: Connection, resp: BufferedResponse) -> None:
        hand_back = partial(self._defer, self._worker.take_back, conn)
        self._worker.handler.finish_stream(resp, self._worker.client_timeout, hand_back)
