"""Other programs that tests need. Each is started privately on a free port, or the test is skipped with a reason.

Use a fixture by importing it in your folder's conftest.py: ``from tests.services import redis_server as redis_server``.
With REQUIRE_SERVICES=1, as in CI, a missing program is a failure instead of a skip.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import pytest

START_SECONDS = 20.0


def program(name: str, package: str) -> str:
    """The path of an installed program. Without it the test is skipped; the reason names the Debian package."""
    places = os.environ.get("PATH", os.defpath) + os.pathsep + "/usr/sbin" + os.pathsep + "/sbin"
    if (found := shutil.which(name, path=places)) is not None:
        return found
    return missing(f"{name} is not installed (Debian package {package})")


def missing(reason: str) -> NoReturn:
    """Skip the test; where CI has installed everything (REQUIRE_SERVICES=1) it fails instead."""
    if os.environ.get("REQUIRE_SERVICES") == "1":
        pytest.fail(f"{reason}, and REQUIRE_SERVICES=1 requires it")
    pytest.skip(reason)


def unused_port() -> int:
    """A port on which no server listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Whether a server accepts connections on this port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Service:
    """A program on a port, which can be stopped, started again on the same port, or frozen."""

    command: list[str]
    port: int
    log_file: Path
    process: subprocess.Popen[bytes] | None = field(default=None)

    def start(self) -> "Service":
        """Start it and wait until it listens."""
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while not listens(self.port):
            ended = self.process.poll() is not None or time.monotonic() > deadline
            assert not ended, self.log_file.read_text()
            time.sleep(0.02)
        return self

    def stop(self) -> None:
        """Stop it, if it runs, and wait for its end. The port is free afterwards."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            self.process.wait(START_SECONDS)

    def freeze(self) -> None:
        """Accept connections and never answer, as a host that hangs does."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Continue after ``freeze``."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)


class RedisServer(Service):
    """A Redis that writes nothing to disk."""

    @property
    def url(self) -> str:
        """For REDIS_URL."""
        return f"redis://127.0.0.1:{self.port}/0"


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[Callable[..., RedisServer]]:
    """Factory of running Redis servers: ``redis_server("--maxmemory", "1mb")``."""
    started: list[RedisServer] = []

    def start(*options: str) -> RedisServer:
        port = unused_port()
        command = [program("redis-server", "redis-server"), "--port", str(port), "--bind", "127.0.0.1"]
        command += ["--save", "", "--appendonly", "no", "--dir", str(tmp_path), *options]
        server = RedisServer(command, port, tmp_path / f"redis-{port}.log")
        started.append(server)
        server.start()
        return server

    yield start
    for server in started:
        server.stop()


NGINX_CONF = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {extra}
    server {{
        listen 127.0.0.1:{port};
        {server}
    }}
}}
"""


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Factory of running nginxes: ``nginx(server, extra="")``, what goes into its server and its http block."""
    started: list[Service] = []

    def start(server: str, extra: str = "") -> Service:
        port = unused_port()
        folder = tmp_path / f"nginx-{port}"
        folder.mkdir()
        conf = folder / "nginx.conf"
        conf.write_text(NGINX_CONF.format(folder=folder, port=port, server=server, extra=extra))
        command = [program("nginx", "nginx-light"), "-c", str(conf), "-p", str(folder), "-e", str(folder / "error.log")]
        started.append(Service(command, port, folder / "output.log"))
        return started[-1].start()

    yield start
    for one in started:
        one.stop()
