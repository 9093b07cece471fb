"""The service that is broken: a real gunicorn with a folder of its own, and the processes that belong to it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import psutil

from benchmarks.faults.programs import Postgres, Proxy, Redis
from benchmarks.faults.shim import Control

ROOT = Path(__file__).parents[2]
GUNICORN = (sys.executable, str(Path(sys.executable).with_name("gunicorn")), "wsgi:app")
START_SECONDS, STOP_SECONDS = 180.0, 40.0


@dataclass
class Service:
    """One service under test. ``settings`` are its environment, ``work`` a folder of its own.

    ``control`` is that of shim.c; ``log_reader`` is set while somebody reads the log, where it goes through a pipe.
    ``redis``, ``postgres`` and ``proxy`` are started when they are first asked for.
    """

    port: int
    work: Path
    settings: dict[str, str]
    arguments: tuple[str, ...] = ()
    control: Control | None = None
    log_reader: threading.Event | None = None
    process: subprocess.Popen[bytes] | None = None
    masters: list[int] = field(default_factory=list)
    proxied: str = "redis"

    @cached_property
    def redis(self) -> Redis:
        """Its Redis."""
        return Redis(self.work)

    @cached_property
    def postgres(self) -> Postgres:
        """Its PostgreSQL."""
        return Postgres()

    @cached_property
    def proxy(self) -> Proxy:
        """A proxy before Redis or PostgreSQL, as ``proxied`` says."""
        return Proxy((self.redis if self.proxied == "redis" else self.postgres).port)

    @property
    def var(self) -> Path:
        """VAR_DIR."""
        return self.work / "var"

    @property
    def artifacts(self) -> Path:
        """Its own copy of ARTIFACTS_DIR."""
        return Path(self.settings["ARTIFACTS_DIR"])

    def start(self) -> None:
        """Start gunicorn and wait until it can predict.

        Raises:
            TimeoutError: it did not get ready in time; the message ends with its log.
        """
        with (self.work / "server.log").open("ab") as log:
            self.process = self.spawn(self.environment(), log if self.log_reader is None else subprocess.PIPE)
        if self.log_reader is not None:
            threading.Thread(target=self._read_log, daemon=True).start()
        self.masters.append(self.process.pid)
        self.until(self.ready)

    def spawn(self, environment: dict[str, str], output: IO[bytes] | int) -> subprocess.Popen[bytes]:
        """Start the command of the service with this environment."""
        return subprocess.Popen(
            [*GUNICORN, *self.arguments], cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )

    def _read_log(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        assert self.log_reader is not None
        with (self.work / "server.log").open("ab", buffering=0) as log, self.process.stdout as pipe:
            while block := os.read(pipe.fileno(), 4096):
                log.write(block)
                self.log_reader.wait()

    def environment(self, shims: bool = True) -> dict[str, str]:
        """For its processes and for ``flask`` commands; without ``shims`` disk and clock are right."""
        keep = {name: os.environ[name] for name in ("HOME", "LANG", "PATH", "TMPDIR") if name in os.environ}
        given = {name: value for name, value in self.settings.items() if shims or not _is_shim(name)}
        return keep | {"VAR_DIR": str(self.var), "BIND": f"127.0.0.1:{self.port}", "PYTHONUNBUFFERED": "1"} | given

    @property
    def master(self) -> int:
        """The process id of the master that was started last."""
        return self.masters[-1]

    def workers(self, master: int | None = None) -> list[int]:
        """The process ids of a master's workers, the oldest first."""
        with contextlib.suppress(psutil.NoSuchProcess):
            children = psutil.Process(master or self.master).children()
            found = [child for child in children if "gunicorn" in _command(child)]
            return [child.pid for child in sorted(found, key=lambda child: child.create_time())]
        return []

    def shippers(self) -> list[int]:
        """The process ids of those that ship this service's records."""
        mine = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if "service.records.shipper" in _command(process) and process.environ().get("VAR_DIR") == str(self.var):
                    mine.append(process.pid)
        return mine

    def ready(self, port: int | None = None) -> bool:
        """Whether /health/ready is 200, here or on another port."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port or self.port}/health/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def health(self) -> dict[str, Any]:
        """What /health says; empty where it says nothing."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5) as answer:
                return dict(json.load(answer))
        except (OSError, urllib.error.URLError, ValueError):
            return {}

    def until(self, holds: Callable[[], object], seconds: float = START_SECONDS) -> None:
        """Wait until the condition holds.

        Raises:
            TimeoutError: it did not in time.
        """
        limit = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > limit:
                log = (self.work / "server.log").read_text(errors="replace")[-2000:]
                raise TimeoutError(f"the service did not get where it should within {seconds:.0f} s:\n{log}")
            time.sleep(0.05)

    def stop(self) -> None:
        """TERM every master that still runs, KILL what is left of them after STOP_SECONDS."""
        running = [psutil.Process(pid) for pid in self.masters if psutil.pid_exists(pid)]
        for process in running:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGTERM)
                process.send_signal(signal.SIGCONT)
        _, left = psutil.wait_procs(running, STOP_SECONDS)
        for process in left:
            for one in (*process.children(recursive=True), process):
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
        if self.process is not None:
            self.process.wait()

    def stop_helpers(self) -> None:
        """End the other programs of this trial."""
        made = self.__dict__
        if "proxy" in made:
            self.proxy.stop()
        if "redis" in made:
            self.redis.stop()
        if "postgres" in made:
            self.postgres.remove()

    def command(self, *arguments: str) -> str:
        """The output of a ``flask`` command with this service's settings."""
        flask = (sys.executable, "-m", "flask", *arguments)
        done = subprocess.run(
            flask, cwd=ROOT, env=self.environment(shims=False), capture_output=True, text=True, check=False, timeout=120
        )
        return done.stdout + done.stderr


def _is_shim(name: str) -> bool:
    return name == "LD_PRELOAD" or name.startswith("FAULT_")


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
