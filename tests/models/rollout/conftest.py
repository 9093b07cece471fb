"""One running service for all tests of rollouts, with a version of each kind, and commands for it."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from inference.rollout.state import read_state
from inference.routing import Routing, read_routing, write_routing
from tests.conftest import ROOT, Server, clean_environment, free_port, until
from tests.models.conftest import FIRST
from tests.models.rollout.versions import make

KINDS = ("good", "wrong", "slow", "failing", "refusing")


class Operator:
    """A running service, and commands for it."""

    def __init__(self, server, environment):
        self.server, self.environment = server, environment
        self.root = Path(environment["ARTIFACTS_DIR"])

    def start(self, *arguments, ignored=()):
        """Start ``flask models`` with these arguments; it ignores these signals from the beginning, as under nohup."""
        command = [sys.executable, "-m", "flask", "models", *arguments]

        def set_signals():  # tests that were started in the background, or under nohup, ignore some themselves
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)

        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, cwd=ROOT, env=self.environment, stdout=pipe, stderr=pipe, text=True, preexec_fn=set_signals
        )

    def run(self, *arguments):
        """Its exit status and what it printed, errors first."""
        return self.end(self.start(*arguments))

    def end(self, process):
        """The same of a command that runs."""
        output, errors = process.communicate(timeout=900)
        return process.returncode, errors + output

    @property
    def routing(self):
        return read_routing(self.root)

    @property
    def state(self):
        return read_state(self.root)

    def begin(self, *arguments, ignored=()):
        """Start a rollout, and wait until its version has its first share."""
        process = self.start("rollout", *arguments, ignored=ignored)
        until(lambda: process.poll() is not None or (self.state is not None and self.state.routed), 600)
        return process

    def reset(self):
        """The first version is stable and alone again, and every worker follows."""
        write_routing(self.root, Routing(FIRST))
        (self.root / "rollout.json").unlink(missing_ok=True)
        until(lambda: all(self._versions() == [FIRST] for _ in range(4)))

    def _versions(self):
        return [one["model_version"] for one in self.server.ask("/model/info")[1]["versions"]]


@pytest.fixture(scope="session")
def service(trained, tmp_path_factory):
    """One service for all tests of rollouts: two workers, and a version of each kind."""
    folder, port = tmp_path_factory.mktemp("rollout"), free_port()
    root = folder / "artifacts"
    shutil.copytree(trained, root)
    for kind in KINDS:
        make(root, f"{kind}-1", kind)
    environment = clean_environment() | {
        "ARTIFACTS_DIR": str(root),
        "VAR_DIR": str(folder / "var"),
        "BIND": f"127.0.0.1:{port}",
        "WEB_CONCURRENCY": "2",
    }
    log_file = folder / "server.log"
    command = [sys.executable, str(Path(sys.executable).with_name("gunicorn")), "wsgi:app"]
    with log_file.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
    server = Server(process, f"http://127.0.0.1:{port}", log_file)
    try:
        server.until_serving(2)
        yield Operator(server, environment)
    finally:
        server.stop()


@pytest.fixture
def operator(service):
    service.reset()
    return service
