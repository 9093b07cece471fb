"""Starting and stopping the shipper: a small process of its own, at most one a host.

Whoever finds none starts one; those that come second see the lock and leave at once. It is no child of the server and
outlives every worker; it leaves by itself when the last one is gone and everything is in the database.
"""

import hashlib
import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from service import log, processes
from service.locks import is_held, open_lock, try_lock
from service.records.spool.paths import SHIPPER, pending_bytes, shipper_of, spool_folder
from service.settings import NAMES, Settings

DRAIN_SECONDS = 10.0
_started: list[subprocess.Popen[bytes]] = []
LOCK = "RECORDS_SHIPPER_LOCK"
"""The descriptor of a lock that is handed to a shipper."""


def start(settings: Settings, lock: int | None = None) -> None:
    """Start a shipper; one too many leaves by itself, unless it is given the ``lock``."""
    _started.append(run_module("service.records.shipper", settings, lock))


def start_in_place(settings: Settings) -> None:
    """Start a shipper where there is none, or one with other settings: it would ship to another database for ever.

    Such a one is left over from a service that was killed, or whose database is away. The lock goes from hand to hand,
    so that no worker of that service starts one like it meanwhile.
    """
    folder = spool_folder(settings)
    descriptor = open_lock(folder / SHIPPER)
    try:
        if not try_lock(descriptor):
            with suppress(OSError, ValueError):
                if shipper_of(folder)[1] == mark_of(settings):
                    return
                log.warning("records_shipper_replaced", reason="the one that ran was started with other settings")
            _tell(folder, signal.SIGKILL)  # which costs no record at any time
            deadline = time.monotonic() + 2
            while not try_lock(descriptor):
                if time.monotonic() > deadline:
                    return
                time.sleep(0.01)
        start(settings, descriptor)
    finally:
        os.close(descriptor)


def mark_of(settings: Settings) -> str:
    """What tells settings apart that make a difference to a shipper; no secret can be read from it."""
    return hashlib.sha256(repr(sorted(settings.environment(shipper=True).items())).encode()).hexdigest()[:16]


def start_if_needed(settings: Settings) -> None:
    """Start a shipper where something waits for one and none is there."""
    _started[:] = [process for process in _started if process.poll() is None]  # no zombie stays
    folder = spool_folder(settings)
    if not is_held(folder / SHIPPER) and pending_bytes(folder):
        start(settings)


def drain(settings: Settings, seconds: float = DRAIN_SECONDS, until_shipped: bool = False) -> None:
    """Have the rest brought to the database, and wait for it, but not for long.

    The shipper is asked to leave; with ``until_shipped`` it may stay, as it does where workers go on.
    """
    folder = spool_folder(settings)
    start_if_needed(settings)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and (is_held(folder / SHIPPER) or _starting()):
        if until_shipped and not pending_bytes(folder):
            break
        if is_held(folder / SHIPPER):
            _tell(folder, signal.SIGTERM)
        time.sleep(0.05)


def run_module(module: str, settings: Settings, lock: int | None = None) -> subprocess.Popen[bytes]:
    """Run one of our modules in a process group of its own, with these settings whatever the environment says.

    The open file ``lock``, with the lock on it, goes to the new process.
    """
    environment = {name: value for name, value in os.environ.items() if name not in NAMES | {LOCK}}
    environment |= settings.environment(shipper=True)  # without the secrets of others: Redis' password, the tokens
    if lock is not None:
        environment[LOCK] = str(lock)
    return processes.run_module(module, environment, [] if lock is None else [lock], own_group=True)


def _tell(folder: Path, number: int) -> None:
    """Signal the shipper. Its id is read from a file, so it may be that of the one before, and by now anybody's."""
    with suppress(OSError, ValueError):
        pid, _ = shipper_of(folder)
        if b"service.records.shipper" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, number)


def _starting() -> bool:
    return any(process.poll() is None for process in _started)
