"""Start a target's server pinned to its cores, read its CPU time and memory, stop it."""

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

from benchmarks.targets import BIN, Target

START_SECONDS, STOP_SECONDS = 120.0, 30.0


class NotStarted(RuntimeError):
    """A server gave no right answer; the message ends with the last lines of its log."""


@dataclass(slots=True)
class Server:
    """A running target."""

    target: Target
    port: int
    work: Path
    process: subprocess.Popen[bytes]
    cold_seconds: float = 0.0
    helpers: tuple[subprocess.Popen[bytes], ...] = ()

    def tree(self) -> list[psutil.Process]:
        """Its processes, including the Redis of a target with a cache."""
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
        """Proportional set sizes, summed: shared pages count once. Resident sizes where the system has no PSS."""
        return int(
            sum(_of(p, lambda p: getattr(p.memory_full_info(), "pss", p.memory_info().rss)) for p in self.tree())
        )

    def stop(self) -> None:
        """TERM to what was started, as a supervisor would; KILL to the processes left after half a minute."""
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
    target: Target,
    artifact: Path,
    work: Path,
    cores: Sequence[int],
    workers: int = 1,
    environment: Mapping[str, str] | None = None,
) -> Server:
    """Start ``target``; it is not yet ready.

    Raises:
        NotStarted: its preparation failed.
    """
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    values = {
        "python": sys.executable,
        "bin": str(BIN),
        "port": str(free_port()),
        "redis": str(free_port()),
        "workers": str(workers),
        "artifact": str(artifact),
        "work": str(work),
    }
    given = {**_clean_environment(artifact, work), **target.environment, **(environment or {})}
    variables = {name: value.format(**values) for name, value in given.items()}
    helpers = _helpers(variables, values, work)
    with (work / "server.log").open("wb") as log:
        if target.prepare:
            step = [part.format(**values) for part in target.prepare]
            prepared = subprocess.run(step, env=variables, stdout=log, stderr=log, check=False)
            if prepared.returncode:
                raise NotStarted(f"{target.name} could not be prepared:\n{last_lines(work / 'server.log')}")
        process = _spawn([part.format(**values) for part in target.command], variables, log, cores)
    return Server(target, int(values["port"]), work, process, helpers=helpers)


def _helpers(
    variables: Mapping[str, str], values: Mapping[str, str], work: Path
) -> tuple[subprocess.Popen[bytes], ...]:
    if "REDIS_URL" not in variables:
        return ()
    command = ["redis-server", "--port", values["redis"], "--bind", "127.0.0.1", "--save", "", "--dir", str(work)]
    with (work / "redis.log").open("wb") as log:
        return (_spawn(command, variables, log, ()),)


def _spawn(
    command: list[str], variables: Mapping[str, str], log: IO[bytes], cores: Sequence[int]
) -> subprocess.Popen[bytes]:
    pin = (lambda: os.sched_setaffinity(0, cores)) if cores and hasattr(os, "sched_setaffinity") else None
    return subprocess.Popen(
        command,
        env=dict(variables),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        process_group=0,  # not a new session: the scheduler would weigh it like the session of all the other servers
        preexec_fn=pin,
    )


def _clean_environment(artifact: Path, work: Path) -> dict[str, str]:
    """The caller's settings do not reach a server: each target states its own."""
    passed = {name: os.environ[name] for name in ("HOME", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
    root = Path(__file__).parent.parent
    return passed | {
        "PATH": f"{BIN}:{os.environ.get('PATH', '/usr/bin:/bin')}",
        "PYTHONPATH": str(root),
        "ARTIFACTS_DIR": str(artifact.parent),
        "MODEL_VERSION": artifact.name,
        "VAR_DIR": str(work / "var"),
        "MONITOR_SECONDS": "600",  # one check a host in service; here a dozen services share a core
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
