"""A listener for /metrics alone: it answers while every worker is busy. ``python -m service.metrics.listener``.

A process of its own, for a thread in gunicorn's master would be forked along with the workers. It asks for no token:
METRICS_BIND is an address that only the monitoring can reach.
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
from service.metrics import slot_files
from service.metrics.exposition import CONTENT_TYPE, render
from service.processes import run_module
from service.settings import Settings, SettingsError

_DESCRIPTOR = "METRICS_LISTENER"
_MASTER = "METRICS_MASTER"
_HANDED_ON = "METRICS_SOCKET"
_PATIENCE_SECONDS = 5.0
"""How long an address may be in use: the listener of a master that was killed leaves within a second."""
_socket: socket.socket | None = None
_process: subprocess.Popen[bytes] | None = None


def bind(settings: Settings) -> None:
    """Take the address of METRICS_BIND, where there is one, before anything is started; by SIGUSR2 from the old master.

    Raises:
        SettingsError: it cannot be listened on.
    """
    global _socket
    handed = os.environ.pop(_HANDED_ON, "")
    if settings.metrics_bind and _socket is None:
        if handed and "GUNICORN_PID" in os.environ:
            _socket = socket.socket(fileno=int(handed))
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
                own = bool(exc.errno and exc.errno > 0)  # below 0: a name's
                reason = os.strerror(exc.errno or 0) if own else exc.strerror
                raise SettingsError(
                    f"METRICS_BIND={str(settings.metrics_bind)!r} cannot be listened on: {reason}."
                ) from None


def hand_on(environment: dict[str, str]) -> None:
    """Leave the socket to the master that is about to replace this one (SIGUSR2), by its ``environment``."""
    if _socket is not None:
        _socket.set_inheritable(True)
        environment[_HANDED_ON] = str(_socket.fileno())


def forget() -> None:
    """In a worker: its copy of the socket would hold the address when the master is gone."""
    global _socket, _process
    if _socket is not None:
        _socket.close()
    _socket = _process = None


def start(settings: Settings) -> None:
    """Start the listener on the address that was bound; again, only where it has died."""
    global _process
    if _socket is None or (_process is not None and _process.poll() is None):
        return
    environment = os.environ | {_DESCRIPTOR: str(_socket.fileno()), _MASTER: str(os.getpid())}
    _process = run_module("service.metrics.listener", environment, [_socket.fileno()])
    log.info("metrics_listening", on=f"http://{settings.metrics_bind}/metrics")


def stop() -> None:
    """End it, when the server leaves."""
    if _process is not None and _process.poll() is None:
        _process.terminate()
        _process.wait()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    folder = Path()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away in the middle is no news."""


class _Handler(BaseHTTPRequestHandler):
    timeout = 5
    server: _Server

    def do_GET(self) -> None:
        """Answer GET, and HEAD without the body."""
        body = render(slot_files.read(self.server.folder)) if self.path.split("?")[0] == "/metrics" else b""
        self.send_response(HTTPStatus.OK if body else HTTPStatus.NOT_FOUND)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - the name that http.server asks for

    def log_message(self, format: str, *args: object) -> None:
        """Scrapes are not logged."""


def main() -> None:
    """Serve until the master is gone."""
    settings, master = Settings.read(os.environ), int(os.environ[_MASTER])
    server = _Server(("", 0), _Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = socket.socket(fileno=int(os.environ[_DESCRIPTOR]))
    server.folder = slot_files.folder_for(settings.var_dir)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while os.getppid() == master:  # told, not asked: it may be gone before we are there
        time.sleep(1)


if __name__ == "__main__":
    main()
