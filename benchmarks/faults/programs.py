"""The other programs of a trial: Redis, PostgreSQL, and a proxy that delays. Each is a trial's own."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import psutil

from benchmarks.servers import free_port

START_SECONDS = 120.0
NOBODY = 65534


class Redis:
    """A Redis that writes nothing to disk."""

    def __init__(self, folder: Path) -> None:
        self.port, self._folder = free_port(), folder
        self.start()

    def start(self) -> None:
        """Start it and wait until it listens."""
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir"]
        self.process = subprocess.Popen([*command, str(self._folder)], stdout=subprocess.DEVNULL)
        _until_open(self.port)

    def command(self, *words: str) -> bytes:
        """The answer to a command."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as sent:
            sent.sendall((" ".join(words) + "\r\n").encode())
            return sent.recv(4096)

    def signal(self, number: int) -> None:
        """Signal it."""
        self.process.send_signal(number)

    def stop(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()


class Postgres:
    """A cluster in a folder of its own. PostgreSQL refuses to run as root: it runs as nobody then."""

    def __init__(self) -> None:
        self.port, self._bin = free_port(), postgres_programs()
        self._folder = Path(tempfile.mkdtemp(prefix="faults-postgres-"))
        self._prefix: list[str] = []
        if os.getuid() == 0:
            os.chown(self._folder, NOBODY, NOBODY)
            self._prefix = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        self._run("initdb", "-D", f"{self._folder}/data", "-U", "tester", "-A", "trust", "--no-sync", "-E", "UTF8")
        self.start()

    @property
    def url(self) -> str:
        """For psycopg, whatever the service is given."""
        return f"postgresql://tester@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        self._control("start", "-l", f"{self._folder}/log", "-o", options)

    def stop(self) -> None:
        """Stop it as a loss of power does."""
        self._control("stop", "-m", "immediate")

    def signal(self, number: int) -> None:
        """To the server and each of its processes: SIGSTOP makes it hang with its connections open."""
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def processes(self) -> list[psutil.Process]:
        """The server's first process and each that it has started."""
        main = psutil.Process(int((self._folder / "data/postmaster.pid").read_text().split()[0]))
        return [main, *main.children()]

    def query(self, statement: str) -> list[tuple[object, ...]]:
        """The rows that a statement gives."""
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def remove(self) -> None:
        """Stop it and delete its folder."""
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            self.signal(signal.SIGCONT)
            self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _control(self, what: str, *options: str) -> None:
        self._run("pg_ctl", "-D", f"{self._folder}/data", "-w", "-t", f"{START_SECONDS:.0f}", *options, what)

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._prefix, str(self._bin / program), *arguments]
        subprocess.run(command, cwd=self._folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def postgres_programs() -> Path:
    """The folder of the newest PostgreSQL's programs; one that does not exist where there is none."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    found = shutil.which("initdb")
    return debian[-1] if debian else Path(found).parent if found else Path("/nonexistent")


class Proxy:
    """Passes connections on to a port; what the clients send waits for ``delay`` seconds."""

    def __init__(self, target: int) -> None:
        self.delay, self._target = 0.0, target
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        """Accept no more."""
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:  # stopped
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._target), timeout=10)
            except OSError:  # the target is away: so is its proxy
                client.close()
                continue
            server.settimeout(None)
            for source, sink, delayed in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._pass_on, args=(source, sink, delayed), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, delayed: bool) -> None:
        with contextlib.suppress(OSError), source, sink:
            while block := source.recv(65536):
                if delayed and self.delay:
                    time.sleep(self.delay)
                sink.sendall(block)


def _until_open(port: int) -> None:
    limit = time.monotonic() + START_SECONDS
    while time.monotonic() < limit:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on port {port}")
