"""Start a row's server pinned to its cores, wait until it answers rightly, read its CPU time and memory, stop it."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from benchmarks.rows import BIN, Row

START_SECONDS, STOP_SECONDS = 120.0, 30.0


class NotStarted(RuntimeError):
    """A server did not come to answer; the message ends with the last lines it wrote."""


@dataclass(slots=True)
class Server:
    """A running row."""

    row: Row
    port: int
    work: Path
    process: subprocess.Popen[bytes]
    cold_seconds: float = 0.0
    helpers: tuple[subprocess.Popen[bytes], ...] = ()

    def tree(self) -> list[psutil.Process]:
        """Its processes, the redis of a cache row included."""
        found = []
        for started in (self.process, *self.helpers):
            try:
                root = psutil.Process(started.pid)
                found += [root, *root.children(recursive=True)]
            except psutil.NoSuchProcess:
                continue
        return found

    def cpu_seconds(self) -> float:
        """User and system time of all its living processes."""
        return sum(_of(process, lambda p: sum(p.cpu_times()[:2])) for process in self.tree())

    def pss_bytes(self) -> int:
        """Proportional set sizes, summed: shared pages count once. Resident sizes where the system tells no PSS."""
        return int(
            sum(_of(p, lambda p: getattr(p.memory_full_info(), "pss", p.memory_info().rss)) for p in self.tree())
        )

    def stop(self) -> None:
        """TERM to what was started, as a supervisor would; KILL to whatever is left of it after half a minute."""
        tree = self.tree()
        for started in (self.process, *self.helpers):
            started.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                started.wait(STOP_SECONDS)
        for process in tree:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        for started in (self.process, *self.helpers):
            started.wait()


def start(
    row: Row,
    artifact: Path,
    work: Path,
    cores: Sequence[int],
    workers: int = 1,
    environment: Mapping[str, str] | None = None,
) -> Server:
    """Start ``row``; it is not yet ready.

    Raises:
        NotStarted: its preparation failed.
    """
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    places = {
        "python": sys.executable,
        "bin": str(BIN),
        "port": str(free_port()),
        "redis": str(free_port()),
        "workers": str(workers),
        "artifact": str(artifact),
        "work": str(work),
    }
    told = {**_clean_environment(artifact, work), **row.environment, **(environment or {})}
    told = {name: value.format(**places) for name, value in told.items()}
    helpers = _helpers(told, places, work)
    with (work / "server.log").open("wb") as log:
        if row.prepare:
            step = [part.format(**places) for part in row.prepare]
            made = subprocess.run(step, env=told, stdout=log, stderr=log, check=False)
            if made.returncode:
                raise NotStarted(f"{row.name} could not be prepared:\n{last_lines(work / 'server.log')}")
        process = _spawn([part.format(**places) for part in row.command], told, log, cores)
    return Server(row, int(places["port"]), work, process, helpers=helpers)


def _helpers(told: Mapping[str, str], places: Mapping[str, str], work: Path) -> tuple[subprocess.Popen[bytes], ...]:
    if "REDIS_URL" not in told:
        return ()
    command = ["redis-server", "--port", places["redis"], "--bind", "127.0.0.1", "--save", "", "--dir", str(work)]
    with (work / "redis.log").open("wb") as log:
        return (_spawn(command, told, log, ()),)


def _spawn(
    command: list[str], told: Mapping[str, str], log: IO[bytes], cores: Sequence[int]
) -> subprocess.Popen[bytes]:
    pin = (lambda: os.sched_setaffinity(0, cores)) if cores and hasattr(os, "sched_setaffinity") else None
    return subprocess.Popen(
        command,
        env=dict(told),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        process_group=0,  # no session of its own: what stands back in one would be an equal of the other rows' servers
        preexec_fn=pin,
    )


def _clean_environment(artifact: Path, work: Path) -> dict[str, str]:
    """Nothing of the caller's settings may reach a server: each row states its own."""
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
    root = Path(__file__).parent.parent
    return kept | {
        "PATH": f"{BIN}:{os.environ.get('PATH', '/usr/bin:/bin')}",
        "PYTHONPATH": str(root),
        "ARTIFACTS_DIR": str(artifact.parent),
        "MODEL_VERSION": artifact.name,
        "VAR_DIR": str(work / "var"),
        "MONITOR_SECONDS": "600",  # there is one look a host; here are a dozen services on one core
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def free_port() -> int:
    """A port that nobody listens on, with the next two free as well."""
    while True:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port: int = taken.getsockname()[1]
        try:
            for beside in (port + 1, port + 2):
                with socket.socket() as other:
                    other.bind(("127.0.0.1", beside))
        except OSError:
            continue
        return port


def last_lines(path: Path, count: int = 8) -> str:
    """The end of a log."""
    return "\n".join(path.read_text(errors="replace").splitlines()[-count:])


def _of(process: psutil.Process, read: Callable[[psutil.Process], float]) -> float:
    try:
        return float(read(process))
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0.0


def deadline(seconds: float = START_SECONDS) -> float:
    """A point of ``time.monotonic``."""
    return time.monotonic() + seconds
