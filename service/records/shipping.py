"""Starting and stopping the shipper: a small process of its own, at most one a host.

Whoever finds none starts one; those that come second see the lock and leave at once. It is no child of the server and
outlives every worker; it leaves by itself when the last one is gone and everything is in the database.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import service
from service.records.place import SHIPPER, is_held, pending_bytes, spool_folder
from service.settings import SETTINGS, Settings

DRAIN_SECONDS = 10.0
_PASSED_ON = (
    "ARTIFACTS_DIR",
    "VAR_DIR",
    "DATABASE_URL",
    "RECORDS_KEEP_DAYS",
    "MONITOR_SECONDS",
    "DRIFT_HOURS",
    "DRIFT_ROWS",
    "LOG_LEVEL",
    "LOG_FORMAT",
)
_started: list[subprocess.Popen[bytes]] = []


def start(settings: Settings) -> None:
    """Start a shipper; one too many leaves by itself."""
    _started.append(run_module("service.records.shipper", settings))


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
            with suppress(OSError, ValueError):
                os.kill(int((folder / SHIPPER).read_bytes()), signal.SIGTERM)
        time.sleep(0.05)


def run_module(module: str, settings: Settings) -> subprocess.Popen[bytes]:
    """Run one of our modules in a process group of its own, with these settings whatever the environment says."""
    environment = {name: value for name, value in os.environ.items() if name not in {row.name for row in SETTINGS}}
    for name in _PASSED_ON:
        environment[name] = str(getattr(settings, name.lower()))
    environment["RECORDS_REDACT"] = ",".join(settings.records_redact)
    environment["VAR_DIR"] = str(settings.var_dir.absolute())
    environment["ARTIFACTS_DIR"] = str(settings.artifacts_dir.absolute())
    root = str(Path(service.__file__ or "").parents[1])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [root, environment.get("PYTHONPATH", "")]))
    return subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [_python(), "-m", module], env=environment, stdin=subprocess.DEVNULL, start_new_session=True
    )


def _starting() -> bool:
    return any(process.poll() is None for process in _started)


def _python() -> str:
    """The interpreter of this environment.

    Where Python is embedded, as in uWSGI, ``sys.executable`` is the server, or the Python that the virtual environment
    was made from, which has none of its packages.
    """
    own = Path(sys.prefix) / "bin" / "python3"
    named = Path(sys.executable or "").name.startswith("python")
    return str(own) if own.exists() and (sys.prefix != sys.base_prefix or not named) else sys.executable
