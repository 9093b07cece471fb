"""A server for /metrics alone, which answers while every worker is busy; ``python -m service.metrics.scrape_server``.

It is a process of its own: gunicorn's master forks, which is not safe with threads. It needs no token: METRICS_BIND is
to be an address that only the monitoring can reach. What connects there is bounded all the same: connections, the time
and the bytes of each, and how often the metrics are put together.
"""

import os
import select
import socket
import time
from collections.abc import Callable
from itertools import chain
from pathlib import Path

from service.metrics.exposition import CONTENT_TYPE, computed, render
from service.metrics.process_slot import folder_for, read_folder
from service.settings import Settings

DESCRIPTOR = "METRICS_LISTENER"
PULSE = "METRICS_PULSE"
MASTER = "METRICS_MASTER"
"""The environment variables by which the master passes the two files, and its process id."""
MAX_CONNECTIONS = 32
"""Connections at a time; one more closes the one that has been open longest."""
CONNECTION_SECONDS = 5.0
"""How long a connection may last, whatever it sends and however slowly it reads."""
MAX_HEAD = 8192
"""Bytes of a request's head."""
FRESH_SECONDS = 0.1
"""The metrics are put together so often at most, however many ask."""


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
    settings, master = Settings.read(os.environ), int(os.environ[MASTER])
    listener = _Listener(socket.socket(fileno=int(os.environ[DESCRIPTOR])), folder_for(settings.var_dir), settings)
    pulse = int(os.environ[PULSE])
    while os.getppid() == master:  # passed by the master: it may have ended before this process started
        beat(pulse)
        listener.turn()


if __name__ == "__main__":
    main()
