"""A server for /metrics alone, which answers while every worker is busy. ``python -m service.metrics.listener``.

It is a process of its own: gunicorn's master forks, which is not safe with threads. It needs no token: METRICS_BIND is
to be an address that only the monitoring can reach. What connects there is bounded all the same: connections, the time
and the bytes of each, and how often the metrics are put together. The master looks after the process once a second: one
that ended, or hangs, is replaced.
"""

import errno
import os
import select
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

from service import log
from service.metrics.exposition import CONTENT_TYPE, computed, render
from service.metrics.process_slot import folder_for, read_folder
from service.processes import run_module
from service.settings import Settings, SettingsError

_DESCRIPTOR = "METRICS_LISTENER"
_MASTER = "METRICS_MASTER"
_INHERITED = "METRICS_SOCKET"
_PULSE = "METRICS_PULSE"
MAX_CONNECTIONS = 32
"""Connections at a time; one more closes the one that has been open longest."""
CONNECTION_SECONDS = 5.0
"""How long a connection may last, whatever it sends and however slowly it reads."""
MAX_HEAD = 8192
"""Bytes of a request's head."""
FRESH_SECONDS = 0.1
"""The metrics are put together so often at most, however many ask."""
HANG_SECONDS = 30.0
"""A listener that has given no sign for so long is killed; it gives one a second."""
_PATIENCE_SECONDS = 5.0
"""How long to wait for an address in use: the listener of a master that was killed ends within a second."""
_socket: socket.socket | None = None
_process: subprocess.Popen[bytes] | None = None
_pulse = -1
"""A file without a name, in which the listener writes the time of the monotonic clock."""


def bind(settings: Settings) -> None:
    """Open the socket of METRICS_BIND, if that is set; after a SIGUSR2 the old master's socket is used.

    Raises:
        SettingsError: it cannot be listened on.
    """
    global _socket
    inherited = os.environ.pop(_INHERITED, "")
    if settings.metrics_bind and _socket is None:
        if inherited and "GUNICORN_PID" in os.environ:
            _socket = socket.socket(fileno=int(inherited))
            _socket.set_inheritable(False)
            return
        host, port = settings.metrics_bind.host, settings.metrics_bind.port
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while _socket is None:
            try:
                _socket = socket.create_server((host, port), family=family)
            except OSError as exc:
                if exc.errno == errno.EADDRINUSE and time.monotonic() < deadline:
                    time.sleep(0.2)
                    continue
                of_the_system = bool(exc.errno and exc.errno > 0)  # below 0: of looking up a name
                reason = os.strerror(exc.errno or 0) if of_the_system else exc.strerror
                raise SettingsError(
                    f"METRICS_BIND={str(settings.metrics_bind)!r} cannot be listened on: {reason}."
                ) from None


def hand_on(environment: dict[str, str]) -> None:
    """Pass the socket to the master that replaces this one (SIGUSR2), through its ``environment``."""
    if _socket is not None:
        _socket.set_inheritable(True)
        environment[_INHERITED] = str(_socket.fileno())


def forget() -> None:
    """In a worker: close its copy of the socket, which would keep the address in use after the master's end."""
    global _socket, _process
    if _socket is not None:
        _socket.close()
    _socket = _process = None


def start(settings: Settings) -> None:
    """Start the listener on the open socket; without effect where it runs. One that hangs is replaced."""
    global _process, _pulse
    if _socket is None:
        return
    if _process is not None:
        if _process.poll() is None and time.monotonic() - float(os.pread(_pulse, 32, 0)) < HANG_SECONDS:
            return
        _process.kill()
        _process.wait()
        log.warning("metrics_listener_replaced", reason="it has ended or hangs")
    if _pulse < 0:
        with tempfile.TemporaryFile(buffering=0) as file:
            _pulse = os.dup(file.fileno())
    beat(_pulse)
    descriptors = [_socket.fileno(), _pulse]
    environment = os.environ | {_DESCRIPTOR: str(descriptors[0]), _PULSE: str(_pulse), _MASTER: str(os.getpid())}
    _process = run_module("service.metrics.listener", environment, descriptors)
    log.info("metrics_listening", on=f"http://{settings.metrics_bind}/metrics")


def watch(server: Any, settings: Settings) -> None:
    """Start the listener, and look after it each time that gunicorn's master looks after its workers: once a second."""
    manage: Callable[[], None] = server.manage_workers

    def manage_both() -> None:
        try:
            start(settings)
        except OSError as exc:  # no memory, no descriptor: the workers matter more
            log.error("metrics_listener_not_started", reason=os.strerror(exc.errno or 0))
        manage()

    start(settings)
    server.manage_workers = manage_both


def stop() -> None:
    """End the listener. It has nothing to lose, and one that hangs ends only by a kill."""
    if _process is not None and _process.poll() is None:
        _process.kill()
        _process.wait()


def beat(descriptor: int) -> None:
    """Give a sign of life."""
    os.pwrite(descriptor, b"%-32f" % time.monotonic(), 0)


class _Connection:
    """What a client sent, and what it has not read yet. ``closing``: it has its answer, and is read on to its end."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock, self.received, self.unsent, self.closing = sock, b"", b"", False
        self.deadline = time.monotonic() + CONNECTION_SECONDS

    def advance(self, body: Callable[[], bytes]) -> bool:
        """Read and write what is possible now; False where the connection is over."""
        try:
            if not self.unsent:
                found = self.sock.recv(MAX_HEAD)
                if not found:
                    return False
                if self.closing:
                    return True
                self.received += found
                if b"\r\n\r\n" not in self.received and len(self.received) < MAX_HEAD:
                    return True
                self.unsent = _response(self.received, body)
            self.unsent = self.unsent[self.sock.send(self.unsent) :]
            if not self.unsent:
                self.closing = True
                self.sock.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            return True
        except OSError:  # a client may close its connection at any time
            return False
        return True


def _response(head: bytes, metrics: Callable[[], bytes]) -> bytes:
    method, _, rest = head.partition(b"\r\n")[0].partition(b" ")
    status, kind, body, more = "404 Not Found", "text/plain", b"", ""
    if b"\r\n\r\n" not in head:
        status = "431 Request Header Fields Too Large"
    elif method not in (b"GET", b"HEAD"):
        status, more = "405 Method Not Allowed", "Allow: GET, HEAD\r\n"
    elif rest.partition(b" ")[0].partition(b"?")[0] == b"/metrics":
        status, kind, body = "200 OK", CONTENT_TYPE, metrics()
    more += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close"
    return f"HTTP/1.1 {status}\r\n{more}\r\n\r\n".encode() + (b"" if method == b"HEAD" else body)


class _Listener:
    """The loop. Nothing in it waits for a client."""

    def __init__(self, listening: socket.socket, folder: Path, settings: Settings) -> None:
        self._listening, self._folder, self._poll = listening, folder, select.poll()
        self._settings = settings
        self._connections: dict[int, _Connection] = {}  # the one that has been open longest is the first
        self._body, self._fresh_until = b"", 0.0
        listening.setblocking(False)
        self._poll.register(listening, select.POLLIN)

    def turn(self) -> None:
        """Handle what happens within a second."""
        for descriptor, _ in self._poll.poll(1000):
            if descriptor == self._listening.fileno():
                self._accept()
            elif (known := self._connections.get(descriptor)) is not None:
                self._advance(known)
        now = time.monotonic()
        for known in [known for known in self._connections.values() if known.deadline <= now]:
            self._close(known)

    def _accept(self) -> None:
        try:
            sock, _ = self._listening.accept()
        except BlockingIOError:
            return
        except OSError:  # no descriptor is left for it, or the client has gone
            if self._connections:
                self._close(next(iter(self._connections.values())))
            return
        if len(self._connections) >= MAX_CONNECTIONS:
            self._close(next(iter(self._connections.values())))
        sock.setblocking(False)
        self._connections[sock.fileno()] = known = _Connection(sock)
        self._poll.register(sock, select.POLLIN)
        self._advance(known)

    def _advance(self, known: _Connection) -> None:
        if not known.advance(self._metrics):
            self._close(known)
        else:
            self._poll.modify(known.sock, select.POLLOUT if known.unsent else select.POLLIN)

    def _close(self, known: _Connection) -> None:
        del self._connections[known.sock.fileno()]
        self._poll.unregister(known.sock)
        known.sock.close()

    def _metrics(self) -> bytes:
        if time.monotonic() >= self._fresh_until:
            self._body = render(chain(read_folder(self._folder), computed(self._settings)))
            self._fresh_until = time.monotonic() + FRESH_SECONDS
        return self._body


def main() -> None:
    """Serve until the master has ended."""
    settings, master = Settings.read(os.environ), int(os.environ[_MASTER])
    listener = _Listener(socket.socket(fileno=int(os.environ[_DESCRIPTOR])), folder_for(settings.var_dir), settings)
    pulse = int(os.environ[_PULSE])
    while os.getppid() == master:  # passed by the master: it may have ended before this process started
        beat(pulse)
        listener.turn()


if __name__ == "__main__":
    main()
