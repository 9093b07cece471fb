"""A gunicorn worker that runs the application in its event loop: synchronous, with keep-alive, waiting for no client.

When all of a request is there its connection waits for a turn: one request a turn, the one that has waited longest
first. The response is written with one send, and what the kernel does not take follows when the client reads on
(loop.py). A thread of the pool runs what may wait (a slow route, a long body, a streamed response); no thread ever
waits for a client's request.

The methods of ``InlineWorker`` stand in the order in which a request meets them.
"""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from selectors import EVENT_READ
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from schemas.errors import BodyTooLarge, RequestTimeout
from service import log, metrics
from service.server import unsupported
from service.server.connection import LONG_BODY, Connection
from service.server.error_responses import overloaded_response, write_refusal
from service.server.loop import ConnectionLoop
from service.server.overload import Pace, Policy, Refusals
from service.server.parsing import HeadParser
from service.server.threads import RequestThreads
from service.server.turns import LongRequests
from service.server.writing import MIN_BATCH
from service.server.wsgi import BufferedResponse, RequestHandler

TURNS = 0.005
"""Seconds of turns, at least, after which the loop looks for what has arrived."""
MAX_LANES = 16
"""Lanes whose threads the pool has room for; a thread is made when it is first needed."""
SURE_TO_WAIT = 0.05
"""Seconds of waiting from which on it pays to look whether the client is still there."""


class InlineWorker(ConnectionLoop):
    """See the module. Where it does not fit it is a plain gthread worker, and logs why."""

    request_slots = 1
    """Requests that are handled at once; see slots_of in start.py."""
    memory = 64 * 1024 * 1024
    """Bytes of unfinished long requests that a worker holds, and of four bodies of the longest kind at least."""

    def __new__(cls, age: int, ppid: int, sockets: Any, app: Any, timeout: float, cfg: Any, log: Any) -> Any:
        """A worker of this class, or of gunicorn's own."""
        if reasons := unsupported(cfg):
            log.warning("The inline worker does not serve %s; this worker is a gthread one.", ", ".join(reasons))
            return ThreadWorker(age, ppid, sockets, app, timeout, cfg, log)
        return super().__new__(cls)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.handler = RequestHandler(self, self.config)
        self.long = LongRequests()
        self.pace, self.refusals = Pace(), Refusals()

    def get_thread_pool(self) -> ThreadPoolExecutor:
        """Threads for every lane."""
        return ThreadPoolExecutor(max_workers=self.cfg.threads * MAX_LANES)

    def run(self) -> None:
        """Ask the application for its rules, then serve."""
        self.heads = HeadParser(self.config, os.environ.get("SCRIPT_NAME", ""))
        self.policy = Policy(self.wsgi)
        self.threads = RequestThreads(self)
        super().run()

    def advance(self, conn: Connection) -> None:
        """Parse what was received; a connection whose request is complete waits for its turn."""
        if conn.queued or conn.unsent or conn.closing or conn not in self.watched:
            return
        if len(conn.received) > LONG_BODY or (conn.chunks is not None and conn.held > LONG_BODY):
            self.long.add(conn)
            self.limit_memory()
            if conn.unsent or conn.closing or conn not in self.watched:
                return  # it was refused
        try:
            more = conn.advance(self.heads, self.policy.max_body)
        except Exception as exc:
            self.respond_with_error(conn, exc)
            return
        if conn.ready:
            self.admit(conn)
        elif more:
            self.queue(conn)
        elif conn.ended:
            self.close(conn)
        else:
            self.watch(conn, EVENT_READ)

    def limit_memory(self) -> None:
        """Refuse the long request that has taken longest to arrive, once there are too many of them."""
        most = max(self.memory, 4 * self.policy.max_body)
        while (conn := self.long.oldest_beyond(most, self.watched)) is not None:
            self.refuse(conn)

    def admit(self, conn: Connection) -> None:
        """Let a complete request wait for its turn, or refuse it when that would take too long."""
        req = conn.req
        assert req is not None
        conn.arrived = time.monotonic()
        if conn.requests > 1:  # the first has been there since the connection was, for all we know
            conn.since = conn.arrived - self.blocked
        conn.route = self.policy.route(req.method, req.environ_fields["PATH_INFO"])
        limit = self.policy.limit
        if limit and conn.route[1].limited and self.pace.wait(self.waiting.before(conn)) > limit:
            self.refuse(conn)
        else:
            self.queue(conn)

    def queue(self, conn: Connection) -> None:
        """Have a connection wait for its turn."""
        self.waiting.add(conn)

    def give_turns(self, began: float) -> None:
        """Handle one request of each connection in turn, for as long as the reading since ``began`` took, at least."""
        waiting, requests, handling = self.waiting, 0, 0.0
        now = time.monotonic()
        until = now + max(TURNS, now - began)
        with self.batch.collect() if len(waiting) >= MIN_BATCH else nullcontext():
            while waiting and now < until:
                conn = waiting.take()
                if conn not in self.watched:
                    continue
                is_request = self.take_turn(conn, now)
                started, now = now, time.monotonic()
                if is_request:
                    requests += 1
                    handling += now - started
        self.pace.record(now - began, handling, requests)

    def take_turn(self, conn: Connection, now: float) -> bool:
        """Handle the connection's next request, or parse on; whether a request was handled."""
        if not conn.ready:
            self.advance(conn)
            return False
        limit = self.policy.limit
        if limit and conn.route[1].limited and now - conn.since > SURE_TO_WAIT:
            is_late = now - conn.arrived > limit or conn.has_left()
        else:
            is_late = False
        if is_late:
            self.refuse(conn)  # a client that only sends no more still reads this
            return False
        try:
            self.respond(conn)
        except Exception as exc:
            self.respond_with_error(conn, exc)
        return True

    def respond(self, conn: Connection) -> None:
        """Run the application and send its response. Nothing has been sent when this raises."""
        if conn.is_too_long(self.policy.max_body) and not self.policy.refuses_long_bodies:
            raise BodyTooLarge("The body is larger than the server takes.")
        req, body = conn.take_request()
        self.long.discard(conn)
        if conn.route[1].slow or len(body) > LONG_BODY:
            self.threads.run_request(conn, req, body)
            return
        if self.batch.is_held_up_by(req.path, len(body)):
            self.flush_batch()
        started = time.monotonic()
        resp = self.handler.respond(req, body, conn.sock, conn.environ)
        if resp.stream is None:
            self.send(conn, resp.take(), keep_alive=not resp.should_close())
        else:
            self.threads.run_stream(conn, req, resp)
        self.batch.record_duration(req.path, time.monotonic() - started)

    def sweep(self, now: float) -> None:
        """Close the connections that are overdue, and expire what waits for a thread."""
        full = self.alive and not self._accepting
        for conn in [conn for conn in self.watched if conn.is_expired(now, full)]:
            if (conn.received or conn.req is not None) and not conn.unsent and not conn.closing:
                self.respond_with_error(conn, RequestTimeout("The request did not arrive in time."))
            else:
                self.close(conn)
        self.threads.sweep(now)
        if count := self.refusals.take():
            log.warning(
                "overloaded",
                refused=count,
                waiting=self.waiting.admitted,
                seconds=round(self.pace.wait(self.waiting.admitted), 3),
            )

    def take_back(self, conn: Connection, response: bytes, keep_alive: bool) -> None:
        """Take a connection back from a thread, and send what it left to send."""
        conn.sock.setblocking(False)
        self.watched[conn] = None
        self.send(conn, response, keep_alive)

    def take_back_failed(self, conn: Connection, exc: Exception) -> None:
        """Take a connection back whose request failed in a thread."""
        self.watched[conn] = None
        self.respond_with_error(conn, exc)

    def refuse(self, conn: Connection) -> None:
        """Refuse the connection's request, which may not be complete: then where the next one begins is unknown."""
        req, complete = conn.req, conn.ready
        self.long.discard(conn)
        if complete:
            req, _ = conn.take_request()
        self.send_refusal(conn, req, closes=not complete)

    def refuse_taken(self, conn: Connection, req: Any, resp: BufferedResponse | None = None) -> None:
        """Refuse a request that has waited for a thread too long; ``resp`` has a stream that was not run."""
        if resp is not None:
            self.handler.end_stream(resp)
        self.watched[conn] = None
        self.send_refusal(conn, req)

    def send_refusal(self, conn: Connection, req: Any, closes: bool = False) -> None:
        """Answer that the service is overloaded."""
        closes = closes or not self.alive or req is None or req.should_close()
        given_id = req.environ_fields.get("HTTP_X_REQUEST_ID") if req is not None else None
        self.refusals.add()
        metrics.overloaded(conn.route[0], req.method if req is not None else "")
        wait = max(self.policy.limit, self.pace.wait(self.waiting.before(conn)))
        conn.drop_request()
        refusal = overloaded_response(given_id, wait, closes, conn.route[1].errors)
        self.send(conn, refusal, keep_alive=not closes)

    def respond_with_error(self, conn: Connection, exc: Exception) -> None:
        """Send the error response of a request that cannot be handled, and close."""
        self.flush_batch()
        self.handle_error(conn.req, conn.sock, conn.client, exc)
        conn.drop_request()
        conn.received.clear()
        conn.keep_alive = False
        self.after_response(conn)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Send an error response as gunicorn does, which knows neither 408 nor 413."""
        if isinstance(exc, RequestTimeout | BodyTooLarge):
            write_refusal(client, exc)
        else:
            super().handle_error(req, client, addr, exc)
