"""METRICS_BIND as gunicorn's master sees it: its socket, and the process that answers there (scrape_server.py).

The master looks after the process once a second: one that ended, or hangs, is replaced.
"""

import errno
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from typing import Any

from service import log
from service.metrics.scrape_server import DESCRIPTOR, MASTER, PULSE, beat
from service.processes import run_module
from service.settings import Settings, SettingsError

_INHERITED = "METRICS_SOCKET"
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
    environment = os.environ | {DESCRIPTOR: str(descriptors[0]), PULSE: str(_pulse), MASTER: str(os.getpid())}
    _process = run_module("service.metrics.scrape_server", environment, descriptors)
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
