"""The loop of the inline worker: connections, their bytes, and what happens when. It knows no request.

The methods stand in the order in which a connection meets them. What is to be done with the bytes is the worker's
(worker.py): ``advance``, ``queue``, ``give_turns`` and ``sweep``.
"""

import errno
import time
from functools import partial
from selectors import EVENT_READ, EVENT_WRITE
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from service import log
from service.server.connection import LINGER, READ_AHEAD, Connection
from service.server.listening import give_up_address, waiting_connections
from service.server.rules import ConfigSnapshot
from service.server.turns import Turns
from service.server.writing import WriteBatch
from service.server.wsgi import base_environ

SWEEP_INTERVAL = 0.25
"""Seconds by which a connection may outlive its deadline: a sweep looks at every one."""
ACCEPT_MOST = 64
"""Connections that are accepted at a time, at most."""
SPARE_DESCRIPTORS = 16
"""Descriptors that are left to the process once it can open no more; from then on it takes so many fewer clients."""
_NO_MORE = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class ConnectionLoop(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """A gthread worker whose loop reads and writes without blocking.

    ``waiting`` are connections that want a turn. ``blocked`` is for how many seconds it did not look for what arrived.
    """

    client_timeout = 30.0
    """Seconds in which a request must arrive, and in which a client must read its response; long ones get more."""
    worker_connections: int

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.config = ConfigSnapshot(self.cfg)
        self.batch = WriteBatch(self.flush_batch)
        self.watched: dict[Connection, None] = {}
        self.waiting = Turns()
        self.swept = self.began = self.blocked = 0.0
        self.stopped_by_signal = False

    def advance(self, conn: Connection) -> None:
        """Make requests of what a connection has received."""
        raise NotImplementedError

    def queue(self, conn: Connection) -> None:
        """Have a connection wait for its turn."""
        raise NotImplementedError

    def give_turns(self, began: float) -> None:
        """Let some of the connections that wait have their turn; ``began`` is when the reading began."""
        raise NotImplementedError

    def sweep(self, now: float) -> None:
        """Look for what is overdue."""
        raise NotImplementedError

    def handle_usr1(self, sig: int, frame: Any) -> None:
        """Open the log files again; new connections have the new error stream."""
        super().handle_usr1(sig, frame)
        self.environ = base_environ(self.cfg)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """SIGTERM: the address may be given up, so what waits to be accepted is accepted first."""
        self.stopped_by_signal = True
        super().handle_exit(sig, frame)

    def run(self) -> None:
        """Serve until the worker must stop, then finish the requests that were begun."""
        self.environ = base_environ(self.cfg)
        self.poller.register(self.method_queue.fileno(), EVENT_READ, self.method_queue.run_callbacks)
        while self.alive:
            self.run_once()
            if not self.is_parent_alive():
                self.alive: bool = False
        self.stop()
        self.tpool.shutdown(wait=False)
        self.poller.close()
        self.method_queue.close()

    def stop(self) -> None:
        """Answer what is open and what comes while clients leave, for ``LINGER`` seconds, then give the address up."""
        stopped = time.monotonic()
        for conn in self.watched:
            conn.limit_idle(stopped + LINGER)
        listening = True
        while time.monotonic() <= stopped + self.cfg.graceful_timeout:
            if listening and not (self.stopped_by_signal and self.nr_conns and time.monotonic() < stopped + LINGER):
                listening = False
                self.set_accept_enabled(False)
                if self.stopped_by_signal:
                    give_up_address(self)
                for listener in self.sockets:
                    listener.close()
            if not self.nr_conns:
                break
            self.run_once(accepting=listening)

    def run_once(self, accepting: bool = True) -> None:
        """Wait at most a second for events, handle them, and give turns."""
        self.set_accept_enabled(accepting and self.nr_conns < self.worker_connections)
        self.blocked = time.monotonic() - self.began
        events = self.poller.select(0 if self.waiting else 1.0)
        self.began = time.monotonic()
        for key, _ in events:
            key.data(key.fileobj)
        if self.began - self.swept >= SWEEP_INTERVAL:  # after the reading: what has come in time is no longer overdue
            self.swept = self.began
            self.notify()  # the arbiter kills a worker whose handler hangs
            self.sweep(self.began)
        if self.waiting:
            self.give_turns(self.began)

    def accept(self, listener: Any) -> None:
        """Take this worker's share of the new connections that there are, and descriptors for.

        The kernel wakes every worker for them, and the first one to wake would take them all.
        """
        share = -(-waiting_connections(listener) // self.cfg.workers) or ACCEPT_MOST
        for _ in range(min(share, ACCEPT_MOST)):
            if self.nr_conns >= self.worker_connections:
                return
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
            conn = Connection(self.config, sock, client, listener.getsockname(), self.environ, self.client_timeout)
            now = time.monotonic()
            conn.since = now - self.blocked
            conn.deadline = now + (self.client_timeout if self.alive else LINGER)
            self.watched[conn] = None
            self.watch(conn, EVENT_READ)

    def watch(self, conn: Connection, mask: int) -> None:
        """Have the poller tell when a connection is readable or writable; with 0, neither."""
        if mask == conn.mask:
            return
        if not mask:
            self.poller.unregister(conn.sock)
        else:
            change = self.poller.modify if conn.mask else self.poller.register
            change(conn.sock, mask, partial(self.readable if mask == EVENT_READ else self.writable, conn))
        conn.mask = mask

    def readable(self, conn: Connection, sock: Any) -> None:
        """Take what the client sent."""
        try:
            found = conn.receive()
        except OSError:
            self.close(conn)
            return
        if found is None or (found and conn.closing):
            return
        if found:
            conn.add_received(found)
        elif conn.closing:
            self.close(conn)
            return
        conn.ended = not found
        if conn.ended or (conn.queued and len(conn.received) > READ_AHEAD):
            self.watch(conn, 0)
        self.advance(conn)

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
        for conn in self.batch.take():
            if conn in self.watched:
                self.write(conn)

    def write(self, conn: Connection) -> None:
        """Write what the kernel takes now, and wait until it takes the rest."""
        try:
            if conn.flush():
                self.after_response(conn)
            else:
                self.watch(conn, EVENT_WRITE)
        except OSError:
            self.close(conn)

    def writable(self, conn: Connection, sock: Any) -> None:
        """Write on."""
        self.write(conn)

    def after_response(self, conn: Connection) -> None:
        """A response is written: wait for the next request, or for another turn if it is there; or close."""
        keepalive = self.config.keepalive if self.alive else min(LINGER, self.config.keepalive)
        try:
            conn.finish_response(keepalive)
        except OSError:
            self.close(conn)
            return
        has_enough = conn.ended or len(conn.received) > READ_AHEAD
        self.watch(conn, 0 if has_enough else EVENT_READ)
        conn.sends_ahead = bool(conn.received)
        if conn.received:
            self.queue(conn)
        elif conn.ended:
            self.close(conn)

    def close(self, conn: Connection) -> None:
        """Close a connection now."""
        self.leave(conn)
        self.nr_conns -= 1
        conn.close()

    def leave(self, conn: Connection) -> None:
        """Watch a connection no more."""
        self.watch(conn, 0)
        del self.watched[conn]
