"""A gunicorn worker that runs the application in its event loop: synchronous, with keep-alive, waiting for no client.

The loop reads without blocking. A request is parsed and handled as soon as all of it is there, and its response is
written with one send. What the kernel does not take follows when the client reads on. Whatever is unusual (a long or
chunked body, Expect, Upgrade, a response that is a stream) is left to the threads of gunicorn's own gthread worker.

The methods of ``InlineWorker`` stand in the order in which a connection meets them.
"""

import errno
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import nullcontext
from functools import partial
from selectors import EVENT_READ, EVENT_WRITE
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from schemas.errors import RequestTimeout
from service import log
from service.server import unsupported
from service.server.connection import LINGER, MIN_BATCH, Connection, LeftToGthread, WriteBatch
from service.server.error_responses import write_request_timeout
from service.server.parsing import CachedRequest, ConfigSnapshot, HeadCache
from service.server.wsgi import RequestHandler, base_environ

SWEEP_INTERVAL = 0.25
"""Seconds by which a connection may outlive its deadline: a sweep looks at every one."""
SPARE_DESCRIPTORS = 16
"""Descriptors that are left to the process once it can open no more; from then on it takes so many fewer clients."""
_NO_MORE = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class InlineWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """See the module. Where it does not fit it is a plain gthread worker, and logs why."""

    client_timeout = 30.0
    """Seconds in which a request must arrive, and in which a client must read its response; long ones get more."""
    request_slots = 1
    """Requests that are handled at once; ``slots_of`` in start.py reads it."""

    def __new__(cls, age: int, ppid: int, sockets: Any, app: Any, timeout: float, cfg: Any, log: Any) -> Any:
        """A worker of this class, or of gunicorn's own."""
        if reasons := unsupported(cfg):
            log.warning("The inline worker does not serve %s; this worker is a gthread one.", ", ".join(reasons))
            return ThreadWorker(age, ppid, sockets, app, timeout, cfg, log)
        return super().__new__(cls)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.config = ConfigSnapshot(self.cfg)
        self.heads = HeadCache(self.config)
        self.handler = RequestHandler(self, self.config)
        self.batch = WriteBatch(self.flush_batch)
        self.watched: dict[Connection, None] = {}
        self.swept = 0.0

    def handle_usr1(self, sig: int, frame: Any) -> None:
        """Open the log files again; new connections have the new error stream."""
        super().handle_usr1(sig, frame)
        self.environ = base_environ(self.cfg)

    def run(self) -> None:
        """Serve until the worker must stop, then finish the requests that were begun."""
        self.environ = base_environ(self.cfg)
        self.poller.register(self.method_queue.fileno(), EVENT_READ, self.method_queue.run_callbacks)
        while self.alive:
            self.run_once()
            if not self.is_parent_alive():
                self.alive: bool = False
        self.set_accept_enabled(False)
        for listener in self.sockets:
            listener.close()  # now: the next master waits for the address, but only for five seconds
        stopped = time.monotonic()
        for conn in self.watched:
            conn.limit_idle(stopped + LINGER)
        while self.nr_conns > 0 and time.monotonic() <= stopped + self.cfg.graceful_timeout:
            self.run_once()
        self.tpool.shutdown(wait=False)
        self.poller.close()
        self.method_queue.close()

    def run_once(self) -> None:
        """Wait at most a second for events, and handle them."""
        now = time.monotonic()
        if now - self.swept >= SWEEP_INTERVAL:
            self.swept = now
            self.notify()  # the arbiter kills a worker whose handler hangs
            self.sweep(now)
        self.set_accept_enabled(self.alive and self.nr_conns < self.worker_connections)
        events = self.poller.select(1.0)
        with self.batch.collect() if len(events) >= MIN_BATCH else nullcontext():
            for key, _ in events:
                key.data(key.fileobj)

    def accept(self, listener: Any) -> None:
        """Take one new connection, if there is one and a descriptor for it."""
        try:
            sock, client = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as exc:
            if exc.errno not in _NO_MORE:
                raise
            self.worker_connections = max(1, self.nr_conns - SPARE_DESCRIPTORS)
            self.log.warning("No more than %s connections: %s", self.worker_connections, exc.strerror)
            return
        self.nr_conns += 1
        self.watch(Connection(self.config, sock, client, listener.getsockname(), self.environ, self.client_timeout))

    def watch(self, conn: Connection) -> None:
        """Read the connection from now on."""
        conn.deadline = time.monotonic() + self.client_timeout
        conn.sock.setblocking(False)
        self.watched[conn] = None
        self.poller.register(conn.sock, EVENT_READ, partial(self.readable, conn))

    def readable(self, conn: Connection, sock: Any) -> None:
        """Take what the client sent."""
        found = conn.receive()
        if found and not conn.closing:
            conn.add_received(found)
            self.advance(conn)
        elif found == b"" and conn.req is not None and not conn.closing:
            self.delegate_to_gthread(conn)  # which answers that the body is too short; a half-closed client still reads
        elif found == b"":
            self.close(conn)

    def advance(self, conn: Connection) -> None:
        """Handle every request that is there, as long as the client takes the responses."""
        while conn.received and conn in self.watched and not conn.unsent and not conn.closing:
            try:
                if not conn.has_request(self.heads):
                    return
                self.respond(conn, *conn.take_request())
            except LeftToGthread:
                self.delegate_to_gthread(conn)
            except Exception as exc:
                self.respond_with_error(conn, exc)

    def respond(self, conn: Connection, req: CachedRequest, body: bytes) -> None:
        """Run the application and send its response. Nothing has been sent when this raises."""
        if self.batch.is_held_up_by(req.path, len(body)):
            self.flush_batch()
        started = time.monotonic()
        resp = self.handler.respond(req, body, conn.sock, conn.environ)
        if resp.stream is None:
            self.send(conn, resp.take(), keep_alive=not resp.should_close())
        else:
            self.in_thread(conn, self.handler.send_stream, resp, self.client_timeout)
        self.batch.record_duration(req.path, time.monotonic() - started)

    def send(self, conn: Connection, response: bytes, keep_alive: bool) -> None:
        """Write a response, now or with its batch."""
        now = time.monotonic()
        conn.queue_response(response, keep_alive, now)
        if not self.batch.active:
            self.write(conn)
        elif self.batch.add(conn, now):
            self.flush_batch()

    def flush_batch(self) -> None:
        """Write the responses of the batch, after their log lines."""
        log.batch.flush_own()
        connections = self.batch.take()
        for conn in connections:
            if conn in self.watched:
                self.write(conn)
        for conn in connections:
            self.advance(conn)

    def write(self, conn: Connection) -> None:
        """Write what the kernel takes now, and wait until it takes the rest."""
        try:
            if conn.flush():
                self.after_response(conn)
            else:
                self.poller.modify(conn.sock, EVENT_WRITE, partial(self.writable, conn))
        except OSError:
            self.close(conn)

    def writable(self, conn: Connection, sock: Any) -> None:
        """Write on; once all is written, read the next request."""
        self.write(conn)
        if not conn.unsent and conn in self.watched:
            self.poller.modify(sock, EVENT_READ, partial(self.readable, conn))
            self.advance(conn)

    def after_response(self, conn: Connection) -> None:
        """A response is written: wait for the next request, or close."""
        keepalive = self.config.keepalive if self.alive else min(LINGER, self.config.keepalive)
        try:
            conn.finish_response(keepalive)
        except OSError:
            self.close(conn)

    def close(self, conn: Connection) -> None:
        """Close a connection now."""
        del self.watched[conn]
        self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()

    def sweep(self, now: float) -> None:
        """Close the connections that are overdue."""
        full = self.alive and not self._accepting
        for conn in [conn for conn in self.watched if conn.is_expired(now, full)]:
            if conn.received and not conn.unsent and not conn.closing:
                self.respond_with_error(conn, RequestTimeout("The request did not arrive in time."))
            else:
                self.close(conn)

    def in_thread(self, conn: Connection, work: Callable[..., bool], *arguments: Any) -> None:
        """Leave the connection to a thread of the pool; ``work`` returns whether it stays open."""
        del self.watched[conn]
        self.poller.unregister(conn.sock)
        finish = partial(self.method_queue.defer, self.finish_request, conn)
        self.tpool.submit(work, *arguments).add_done_callback(finish)

    def delegate_to_gthread(self, conn: Connection) -> None:
        """Leave what was received, and what follows, to gunicorn's own handling."""
        conn.start_parser()
        self.in_thread(conn, self.handle, conn)

    def finish_request(self, conn: Connection, fs: "Future[bool]") -> None:
        """Take a connection back from a thread."""
        if conn.sock.fileno() < 0:  # the thread closed it
            self.nr_conns -= 1
            return
        conn.stop_parser()
        conn.keep_alive = not fs.cancelled() and fs.exception() is None and fs.result()
        self.watch(conn)
        self.after_response(conn)
        self.advance(conn)

    def respond_with_error(self, conn: Connection, exc: Exception) -> None:
        """Send the error response of a request that cannot be handled, and close."""
        self.handle_error(conn.req, conn.sock, conn.client, exc)
        conn.received.clear()
        conn.keep_alive = False
        self.after_response(conn)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Send an error response as gunicorn does, which knows no 408."""
        if isinstance(exc, RequestTimeout):
            write_request_timeout(client)
        else:
            super().handle_error(req, client, addr, exc)
