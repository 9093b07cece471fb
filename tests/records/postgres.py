"""A private PostgreSQL from the installed programs, on a free port, which may be stopped and started again."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

UNPRIVILEGED = 65534


class Postgres:
    """A cluster of its own in a temporary folder."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="records-postgres-"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._programs = programs()
        self._prefix = []
        if os.getuid() == 0:  # postgres refuses to run as root
            os.chown(self.folder, UNPRIVILEGED, UNPRIVILEGED)
            self._prefix = ["setpriv", f"--reuid={UNPRIVILEGED}", f"--regid={UNPRIVILEGED}", "--clear-groups"]
        self._run("initdb", "-D", str(self.folder / "data"), "-U", "tester", "-A", "trust", "--no-sync", "-E", "UTF8")

    @property
    def address(self) -> str:
        return f"postgresql://tester@127.0.0.1:{self.port}/postgres"

    @property
    def running(self) -> bool:
        return (self.folder / "data" / "postmaster.pid").exists()

    def start_if_stopped(self) -> None:
        if not self.running:
            self.start()

    def empty(self) -> None:
        """Drop every table. The shipper of an earlier server is disconnected, and may be back before the end."""
        deadline = time.monotonic() + 120
        while True:
            try:
                self.query(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
                    "DROP SCHEMA IF EXISTS public CASCADE",
                    "CREATE SCHEMA public",
                )
                return
            except psycopg.Error:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.3)

    def query(self, *statements: str) -> list:
        """The rows of the last statement, if it has any."""
        with psycopg.connect(self.address, autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        log = str(self.folder / "log")
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-l", log, "-o", options, "-w", "-t", "120", "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "-w", "-t", "120", "stop")

    def signal(self, number: int) -> None:
        """To the server and every process of it: SIGSTOP makes it hang, with its connections open, SIGCONT go on."""
        main = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(main, number)  # first, so that it makes no further ones
        for pid in Path(f"/proc/{main}/task/{main}/children").read_text().split():
            os.kill(int(pid), number)

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._prefix, str(self._programs / program), *arguments]
        done = subprocess.run(command, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
        assert done.returncode == 0, done.stderr.decode()


def programs() -> Path | None:
    """The folder of the newest installed PostgreSQL's programs."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    if debian:
        return debian[-1]
    found = shutil.which("initdb")
    return Path(found).parent if found else None
