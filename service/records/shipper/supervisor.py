"""Starting and stopping the shipper, a process of its own, at most one a host.

A worker that finds no shipper starts one. Of two that start at once, the one without the lock leaves. The shipper is no
child of the server and outlives every worker. It leaves when no writer is left and everything is in the database.
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
from service.records.spool.files import SHIPPER_LOCK, pending_bytes, read_shipper, spool_folder
from service.settings import NAMES, Settings

DRAIN_SECONDS = 10.0
INHERITED_LOCK = "RECORDS_SHIPPER_LOCK"
"""The environment variable with the descriptor of a lock that a shipper inherits."""
_MODULE = "service.records.shipper"
REPORT_SECONDS = 60.0
"""The log has at most one line in this time about a shipper that cannot be started."""
STALL_SECONDS = 30.0
"""A shipper that shows no sign of life for so long is replaced."""
_started: list[subprocess.Popen[bytes]] = []
_report_after = 0.0


def start(settings: Settings, lock: int | None = None) -> None:
    """Start a shipper; it leaves at once where another one runs, unless it inherits the ``lock``."""
    global _report_after
    try:
        _started.append(run_module(_MODULE, settings, lock))
    except OSError as exc:  # this user may not run Python, or there are too many processes
        if time.monotonic() >= _report_after:
            _report_after = time.monotonic() + REPORT_SECONDS
            log.error("records_shipper_not_started", reason=f"{exc.strerror}: {exc.filename}")


def start_or_replace(settings: Settings) -> None:
    """Start a shipper where none runs, or only one with other settings, which would ship to another database for ever.

    Or one of another user, which makes files that this service may not write.

    Such a one is left over from a service that was killed, or whose database is away. The new shipper inherits the
    lock, so that no worker of that service can start an old one in between.
    """
    folder = spool_folder(settings)
    descriptor = open_lock(folder / SHIPPER_LOCK)
    try:
        if not try_lock(descriptor):
            with suppress(OSError, ValueError):
                if read_shipper(folder)[1] == fingerprint(settings):
                    return
                reason = "the one that ran was started with other settings, or by another user"
                log.warning("records_shipper_replaced", reason=reason)
            if not _kill_and_lock(folder, descriptor):
                return
        start(settings, descriptor)
    finally:
        os.close(descriptor)


def kill_other(settings: Settings) -> None:
    """End a shipper that runs with other settings or as another user, before its files are given to this service's."""
    folder = spool_folder(settings)
    with suppress(OSError, ValueError):
        if is_held(folder / SHIPPER_LOCK) and read_shipper(folder)[1] != fingerprint(settings):
            descriptor = open_lock(folder / SHIPPER_LOCK)
            try:
                _kill_and_lock(folder, descriptor)
            finally:
                os.close(descriptor)


def fingerprint(settings: Settings) -> str:
    """A digest of the settings and the user that a shipper depends on; no secret can be read from it."""
    depends_on = sorted(settings.environment(shipper=True).items()), processes.user_id()
    return hashlib.sha256(repr(depends_on).encode()).hexdigest()[:16]


def start_if_needed(settings: Settings) -> None:
    """Start a shipper where records are pending and none runs."""
    _started[:] = [process for process in _started if process.poll() is None]  # no zombie stays
    folder = spool_folder(settings)
    if not is_held(folder / SHIPPER_LOCK) and pending_bytes(folder):
        start(settings)


class StallWatch:
    """Notices a shipper that makes no progress, as a stopped or a starved one, and ends it; the next one goes on.

    It compares what the shipper writes every second with its own clock, so no jump of the time of day misleads it.
    """

    def __init__(self, settings: Settings) -> None:
        self._folder = spool_folder(settings)
        self._seen: tuple[int, str, str] | None = None
        self._since = time.monotonic()

    def look(self) -> None:
        """Call it about once a second."""
        try:
            found = read_shipper(self._folder)
        except (OSError, ValueError):
            return
        now = time.monotonic()
        if found != self._seen or not found[2] or not is_held(self._folder / SHIPPER_LOCK):
            self._seen, self._since = found, now
        elif now - self._since > STALL_SECONDS:
            log.error("records_shipper_stalled", shipper=found[0], seconds=round(now - self._since))
            self._since = now
            _signal(self._folder, signal.SIGKILL)  # a shipper may be killed at any time without losing a record


def drain(settings: Settings, seconds: float = DRAIN_SECONDS, until_shipped: bool = False) -> None:
    """Ship what is pending and ask the shipper to leave, waiting for at most ``seconds``.

    With ``until_shipped`` return as soon as nothing is pending: the shipper may stay, as it does where workers go on.
    """
    start_if_needed(settings)
    stop(settings, seconds, until_shipped)


def stop(settings: Settings, seconds: float = DRAIN_SECONDS, until_shipped: bool = False) -> None:
    """Ask a shipper that runs to leave; it ships what is pending first, if the database takes it. See ``drain``."""
    folder = spool_folder(settings)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and (is_held(folder / SHIPPER_LOCK) or _starting()):
        if until_shipped and not pending_bytes(folder):
            break
        if is_held(folder / SHIPPER_LOCK):
            _signal(folder, signal.SIGTERM)
        time.sleep(0.05)


def kill(settings: Settings) -> None:
    """End a shipper that runs at once; the next one goes on where it was."""
    _signal(spool_folder(settings), signal.SIGKILL)


def run_module(module: str, settings: Settings, lock: int | None = None) -> subprocess.Popen[bytes]:
    """Run one of our modules in a process group of its own, by these settings and not by the environment's.

    The process inherits the open file ``lock`` with the lock on it.
    """
    environment = {name: value for name, value in os.environ.items() if name not in NAMES | {INHERITED_LOCK}}
    environment |= settings.environment(shipper=True)  # without the secrets of others: Redis' password, the tokens
    if lock is not None:
        environment[INHERITED_LOCK] = str(lock)
    return processes.run_module(module, environment, [] if lock is None else [lock], own_group=True)


def _signal(folder: Path, number: int) -> None:
    """Signal the shipper. Its id is read from a file, so by now it may belong to any other program."""
    with suppress(OSError, ValueError):
        pid, *_ = read_shipper(folder)
        if _MODULE.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, number)


def _kill_and_lock(folder: Path, descriptor: int, seconds: float = 2.0) -> bool:
    """End the shipper that runs and take its lock. It may be killed at any time without losing a record."""
    deadline = time.monotonic() + seconds
    while not try_lock(descriptor):
        if time.monotonic() > deadline:
            return False
        _signal(folder, signal.SIGKILL)  # again, for one that has just started writes its id after it has the lock
        time.sleep(0.01)
    return True


def _starting() -> bool:
    return any(process.poll() is None for process in _started)
