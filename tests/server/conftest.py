"""A real gunicorn around a tiny application, and a client that speaks raw sockets."""

import os
import re
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import ROOT, until

HERE = Path(__file__).parent
WORKERS = {"inline": "Quick", "gthread": "'gthread'"}
OTHERS = {"sync": "'sync'", "gevent": "'gevent'"}
CONFIG = """
import service.server
from service.server import worker
from service.server.error_responses import install_error_responses
install_error_responses()
from service.server.rules import install_rules
install_rules()
from service.server.listening import follow_stop as on_starting
class Quick(worker.InlineWorker):
    client_timeout = 1.5
worker_class = {worker}
bind = "127.0.0.1:0"
threads = {threads}
worker_tmp_dir = "/dev/shm"
control_socket_disable = True
"""


@dataclass
class Answer:
    status: int
    headers: dict
    body: bytes


@dataclass
class Talk:
    """One connection of a client, which reads responses one at a time."""

    sock: socket.socket
    buffer: bytearray = field(default_factory=bytearray)

    def send(self, text):
        self.sock.sendall(text.encode("latin-1") if isinstance(text, str) else text)
        return self

    def more(self):
        found = self.sock.recv(65536)
        self.buffer += found
        return found

    def take(self, count):
        while len(self.buffer) < count:
            if not self.more():
                raise EOFError(f"closed after {len(self.buffer)} of {count} bytes")
        found = bytes(self.buffer[:count])
        del self.buffer[:count]
        return found

    def line_end(self, end):
        while end not in self.buffer:
            if not self.more():
                raise EOFError(f"closed after {self.buffer!r}")
        return self.take(self.buffer.index(end) + len(end))

    def answer(self, body=True):
        lines = self.line_end(b"\r\n\r\n").decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
        assert lines[0].startswith(("HTTP/1.1 ", "HTTP/1.0 ")), "the server's own version, whatever the client's"
        status = int(lines[0].split()[1])
        content = b""
        if body and status not in (100, 204, 304):
            if headers.get("transfer-encoding") == "chunked":
                while size := int(self.line_end(b"\r\n"), 16):
                    content += self.take(size + 2)[:-2]
                self.take(2)
            else:
                content = self.take(int(headers["content-length"]))
        return Answer(status, headers, content)

    def closed(self):
        """True once the server closes without a further byte."""
        return not self.buffer and self.sock.recv(1) == b""


@dataclass
class Server:
    process: subprocess.Popen
    log: Path
    port: int
    talks: list = field(default_factory=list)

    def talk(self, text=""):
        sock = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        self.talks.append(Talk(sock))
        return self.talks[-1].send(text)

    def get(self, path):
        return self.talk(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").answer()


def start(folder, worker, more="", app="echo:app"):
    config = folder / "conf.py"
    config.write_text(CONFIG.format(worker=(WORKERS | OTHERS)[worker], threads=1 if worker == "sync" else 4) + more)
    log = folder / "log"
    environment = {"PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}", "PATH": "/usr/bin:/bin"}
    with log.open("w") as errors:
        command = [sys.executable, "-m", "gunicorn", "-c", str(config), "--chdir", str(HERE), app]
        process = subprocess.Popen(command, stderr=errors, env=environment)
    until(lambda: "Listening at: http://127.0.0.1:" in log.read_text() or process.poll() is not None)
    found = re.search(r"Listening at: http://127.0.0.1:(\d+)", log.read_text())
    assert found, log.read_text()
    return Server(process, log, int(found[1]))


def stop(server):
    for talk in server.talks:
        talk.sock.close()
    server.process.terminate()
    try:
        server.process.wait(10)
    except subprocess.TimeoutExpired:
        server.process.kill()
        server.process.wait()


@pytest.fixture
def make_server(tmp_path):
    servers = []

    def make(worker="inline", more="", app="echo:app"):
        servers.append(start(tmp_path, worker, more, app))
        return servers[-1]

    yield make
    for server in servers:
        stop(server)


@pytest.fixture(scope="session")
def _shared(tmp_path_factory):
    servers = {}

    def shared(worker):
        if worker not in servers:
            servers[worker] = start(tmp_path_factory.mktemp(worker), worker)
        return servers[worker]

    yield shared
    for server in servers.values():
        stop(server)


@pytest.fixture(params=WORKERS)
def server(request, _shared):
    """A server of each worker class, shared by the tests."""
    found = _shared(request.param)
    yield found
    while found.talks:
        found.talks.pop().sock.close()


@pytest.fixture
def inline(_shared):
    """The shared server with the inline worker; requests must arrive within 1.5 s."""
    found = _shared("inline")
    yield found
    while found.talks:
        found.talks.pop().sock.close()


@pytest.fixture
def both(_shared):
    return _shared("inline"), _shared("gthread")
