"""A server for /metrics alone, which answers while every worker is busy. ``python -m service.metrics.listener``.

It is a process of its own: gunicorn's master forks, which is not safe with threads. It needs no token: METRICS_BIND is
to be an address that only the monitoring can reach.
"""

import errno
import os
import socket
import subprocess
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from service import log
from service.metrics.exposition import CONTENT_TYPE, render
from service.metrics.process_slot import folder_for, read_folder
from service.processes import run_module
from service.settings import Settings, SettingsError

_DESCRIPTOR = "METRICS_LISTENER"
_MASTER = "METRICS_MASTER"
_INHERITED = "METRICS_SOCKET"
_PATIENCE_SECONDS = 5.0
"""How long to wait for an address in use: the listener of a master that was killed ends within a second."""
_socket: socket.socket | None = None
_process: subprocess.Popen[bytes] | None = None


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
    """Start the listener on the open socket; without effect where it runs."""
    global _process
    if _socket is None or (_process is not None and _process.poll() is None):
        return
    environment = os.environ | {_DESCRIPTOR: str(_socket.fileno()), _MASTER: str(os.getpid())}
    _process = run_module("service.metrics.listener", environment, [_socket.fileno()])
    log.info("metrics_listening", on=f"http://{settings.metrics_bind}/metrics")


def stop() -> None:
    """End the listener."""
    if _process is not None and _process.poll() is None:
        _process.terminate()
        _process.wait()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    folder = Path()

    def handle_error(self, request: object, client_address: object) -> None:
        """Log nothing: a client may close its connection at any time."""


class _Handler(BaseHTTPRequestHandler):
    timeout = 5
    server: _Server

    def do_GET(self) -> None:
        """Answer GET, and HEAD without the body."""
        body = render(read_folder(self.server.folder)) if self.path.split("?")[0] == "/metrics" else b""
        self.send_response(HTTPStatus.OK if body else HTTPStatus.NOT_FOUND)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

    def log_message(self, format: str, *args: object) -> None:
        """Scrapes are not logged."""


def main() -> None:
    """Serve until the master has ended."""
    settings, master = Settings.read(os.environ), int(os.environ[_MASTER])
    server = _Server(("", 0), _Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = socket.socket(fileno=int(os.environ[_DESCRIPTOR]))
    server.folder = folder_for(settings.var_dir)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while os.getppid() == master:  # passed by the master: it may have ended before this process started
        time.sleep(1)


if __name__ == "__main__":
    main()
