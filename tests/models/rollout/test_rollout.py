"""``flask models rollout`` as an operator runs it: real gunicorn, real traffic, versions that are good or worse."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from inference.rollout.state import read_state
from inference.routing import Routing, read_routing, write_routing
from inference.routing_history import read_changes
from tests.conftest import ROOT, Server, clean_environment, free_port, until
from tests.models.conftest import FIRST
from tests.models.rollout.traffic import Traffic
from tests.models.rollout.versions import make

pytestmark = pytest.mark.process

SECOND = "random_forest-2"
QUICK = ("--steps", "20,100", "--hold", "1s", "--min-requests", "40", "--patience", "120s")


class Operator:
    """A running service, and commands for it."""

    def __init__(self, server, environment):
        self.server, self.environment = server, environment
        self.root = Path(environment["ARTIFACTS_DIR"])

    def start(self, *arguments):
        """Start ``flask models`` with these arguments."""
        command = [sys.executable, "-m", "flask", "models", *arguments]
        return subprocess.Popen(
            command, cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def run(self, *arguments):
        """Its exit status and what it printed."""
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=300)
        return process.returncode, output

    @property
    def routing(self):
        return read_routing(self.root)

    def reset(self):
        """The first version is stable and alone again, and every worker follows."""
        write_routing(self.root, Routing(FIRST))
        (self.root / "rollout.json").unlink(missing_ok=True)
        until(lambda: all(self._versions() == [FIRST] for _ in range(4)))

    def _versions(self):
        return [one["model_version"] for one in self.server.ask("/model/info")[1]["versions"]]


@pytest.fixture(scope="module")
def service(trained, tmp_path_factory):
    """One service for all tests of this module: two workers, and a version of each kind."""
    folder, port = tmp_path_factory.mktemp("rollout"), free_port()
    root = folder / "artifacts"
    shutil.copytree(trained, root)
    for kind in ("good", "wrong", "slow", "failing", "refusing"):
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


def test_a_good_version_arrives_and_no_request_fails_on_the_way(operator):
    with Traffic(operator.server.url) as traffic:
        status, output = operator.run("rollout", "good-1", *QUICK)
    assert status == 0, output
    assert operator.routing == Routing("good-1")
    assert "good-1 is now stable: every step passed." in output
    assert "step 1 of 2 passed" in output and "agreement with stable 100.0%" in output
    assert traffic.broken == [] and {status for _, status in traffic.statuses} == {200}
    assert traffic.statuses["good-1", 200] > 40
    assert read_state(operator.root).phase == "arrived"
    changes, _ = read_changes(operator.root)
    shares = [change.after["canary"] and change.after["canary"]["share"] for change in changes[-3:]]
    assert shares == [0.2, 1.0, None]
    assert "every step passed" in changes[-1].why and "@" in changes[-1].who


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ("wrong-1", "agreement with stable"),
        ("slow-1", "latency: the median time a row is"),
        ("failing-1", "ended in 5xx"),
        ("refusing-1", "refused with 422"),
    ],
)
def test_a_worse_version_goes_back_by_itself_and_says_why(operator, version, reason):
    with Traffic(operator.server.url):
        status, output = operator.run("rollout", version, *QUICK)
    assert status == 1, output
    assert f"{version} went back, {FIRST} answers: " in output
    assert reason in output.splitlines()[-1], output
    assert operator.routing == Routing(FIRST)
    assert read_state(operator.root).phase == "went back"
    changes, _ = read_changes(operator.root)
    assert changes[-1].why.startswith("went back: ")
