"""Fixtures for all tests. They are factories: a test passes the settings that it needs."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from service import log
from service.app import create_app
from service.models import watcher
from service.settings import NAMES, Settings
from tests.skipped import summary

ROOT = Path(__file__).parents[1]
START_SECONDS = 300
TRAINING_SECONDS = 300

hypothesis_settings.register_profile(
    "project",
    deadline=None,  # a busy machine is no failure
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=os.environ.get("EVERY_STRANGER") != "1",  # `make full` looks further each time; a commit has one colour
)
hypothesis_settings.load_profile("project")


LONG = (
    "tests/models/rollout/",
    "tests/client/",
    "tests/scoring/",
    "tests/deploy/test_retrain.py",
    "tests/deploy/test_wsgi_servers.py",
    "tests/deploy/test_github.py::test_new_data",
    "tests/deploy/test_github.py::test_data_without",
    "tests/benchmarks/test_attacks.py",
    "tests/models/test_trusted_keys.py",
    "tests/models/test_trusted_roads.py",
    "tests/records/test_shadow_bodies.py",
    "tests/models/test_verify_and_compare.py",
    "tests/protocols/",
    "tests/web/test_batch_formats.py",
    "tests/docs/test_tutorial.py::test_the_tutorial_works",
    "tests/docs/test_tutorial.py::test_a_recipe_works",
    "tests/docs/test_accessibility.py",
)
"""`make full` runs all of these, `make test` a third of their tests, drawn by the commit."""


FULL_ONLY = ("tests/deploy/test_upgrades.py", "tests/deploy/test_replay.py")
"""Minutes of load or of installing: `make full` alone runs them."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is not drawn; a test that is asked for by its file or its name always runs."""
    asked = any(argument.split("::")[0].endswith(".py") for argument in config.args) or config.option.keyword
    if asked or os.environ.get("EVERY_STRANGER") == "1":
        return
    commit = head_commit()
    left_out = [
        item
        for item in items
        if item.nodeid.startswith(FULL_ONLY) or (item.nodeid.startswith(LONG) and not _is_drawn(item.nodeid, commit))
    ]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]


def head_commit() -> str:
    """The commit that is tested; the same text for all outside a clone."""
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    except FileNotFoundError:
        return "no git"
    return done.stdout.strip()


def _is_drawn(nodeid: str, commit: str) -> bool:
    return zlib.crc32(f"{commit} {nodeid}".encode()) % 3 == 0


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """End a run with the tests that were skipped, and with what to install for them."""
    lines = list(summary((one.nodeid, one.longrepr[2]) for one in terminalreporter.stats.get("skipped", ())))
    if lines:
        terminalreporter.section("skipped tests")
    for line in lines:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An artifacts folder with the default model, made by the real command, once for all test processes."""
    shared = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        shared = shared.parent
    root = shared / "artifacts"
    lock = shared / "artifacts.lock"
    try:
        lock.mkdir()
    except FileExistsError:
        deadline = time.monotonic() + TRAINING_SECONDS
        while not (shared / "artifacts.done").exists():
            assert time.monotonic() < deadline, (
                "the test process that trains the default model failed; its own report says why"
            )
            time.sleep(0.2)
        return root
    environment = clean_environment() | {"ARTIFACTS_DIR": str(root)}
    made = subprocess.run([sys.executable, "-m", "training"], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    (shared / "artifacts.done").touch()
    return root


@pytest.fixture(autouse=True)
def log_on_standard_output() -> Iterator[None]:
    """A command that runs in this process sends the log to standard error; the next test reads it where it was."""
    yield
    if log._output.descriptor != 1:
        log.configure(Settings.read({}))


@pytest.fixture
def artifacts(trained: Path, tmp_path: Path) -> Path:
    """A copy of the default model's artifacts that a test may break."""
    return Path(shutil.copytree(trained, tmp_path / "artifacts"))


@pytest.fixture
def make_client(trained: Path, tmp_path: Path) -> Iterator[Callable[..., FlaskClient]]:
    """Factory of in-process clients: ``make_client(RATE_LIMIT="2/minute")``.

    They write no records unless ``RECORDS="on"``: each client would have a shipper until the last test ends.
    """
    made = []

    def make(**environment: str) -> FlaskClient:
        given = {"ARTIFACTS_DIR": str(trained), "VAR_DIR": str(tmp_path / "var"), "RECORDS": "off"} | environment
        made.append(Settings.read(given))
        return create_app(made[-1]).test_client()

    yield make
    for settings in made:
        watcher.stop(settings)


def clean_environment() -> dict[str, str]:
    """This process's environment without any of the service's settings."""
    return {name: value for name, value in os.environ.items() if name not in NAMES} | {"PYTHONUNBUFFERED": "1"}


def until(holds: Callable[[], object], seconds: float = 120) -> None:
    """Wait until the condition holds; fail after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"the condition did not hold within {seconds} s"
        time.sleep(0.02)


def free_port() -> int:
    """A port on which no server listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Server:
    """A running gunicorn."""

    process: subprocess.Popen[bytes]
    url: str
    log_file: Path

    @property
    def pid(self) -> int:
        """The process id of the master."""
        return self.process.pid

    @property
    def workers(self) -> list[int]:
        """The workers' process ids; the shipper of the records is a child of the master as well, and no worker."""
        return [pid for pid, command in self.children.items() if "gunicorn" in command]

    @property
    def children(self) -> dict[int, str]:
        """Every process that the master started, with its command line."""
        pids = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return {int(pid): Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ") for pid in pids}

    def log(self) -> str:
        """Everything that it has printed."""
        return self.log_file.read_text()

    def events(self, name: str) -> list[dict]:
        """The log's events of this name."""
        lines = [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]
        return [line for line in lines if line.get("event") == name]

    def ask(self, path: str, document: object = None, headers: dict[str, str] | None = None) -> tuple[int, dict]:
        """GET, or POST of a JSON document: status and JSON answer."""
        data = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"} | (headers or {}))
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            return refused.code, json.load(refused)

    def ask_text(self, path: str) -> str:
        """GET what is not JSON."""
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return answer.read().decode()

    def until(self, holds: Callable[[], bool], seconds: float = START_SECONDS) -> None:
        """Wait until the condition holds; fail with the log after ``seconds``."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                if holds():
                    return
            except (OSError, urllib.error.URLError):
                pass
            assert time.monotonic() < deadline and self.process.poll() is None, self.log()
            time.sleep(0.05)

    def until_serving(self, workers: int) -> None:
        """Wait until this many workers have their model. An answer of one worker says nothing about the others."""

        def serving() -> bool:
            ready = {line["pid"] for line in self.events("model_serving")}
            return len(ready & set(self.workers)) == len(self.workers) == workers

        self.until(serving)

    @classmethod
    def of(cls, command: Sequence[str], port: int, log_file: Path, **environment: str) -> "Server":
        """A server that this command starts on this port; it need not answer yet."""
        with log_file.open("wb") as output:
            given = clean_environment() | environment
            process = subprocess.Popen(command, cwd=ROOT, env=given, stdout=output, stderr=output)
        return cls(process, f"http://127.0.0.1:{port}", log_file)

    def stop(self, how: int = signal.SIGTERM) -> int:
        """Signal the master and wait for its end."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(START_SECONDS)


@pytest.fixture
def serve(trained: Path, tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Factory of real gunicorns: ``serve(WEB_CONCURRENCY="2")``; /health/live answers, from one worker at least."""
    with gunicorns(trained, tmp_path) as start:
        yield start


@contextmanager
def gunicorns(trained: Path, tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """The factory of ``serve`` for fixtures that live longer than a test; its servers stop at the end."""
    servers: list[Server] = []

    def start(*arguments: str, **environment: str) -> Server:
        port = free_port()
        given = {
            "ARTIFACTS_DIR": str(trained),
            "VAR_DIR": str(tmp_path / "var"),
            "BIND": f"127.0.0.1:{port}",
            "WEB_CONCURRENCY": "1",
        }
        given |= environment
        listens_on = given["BIND"].rpartition(":")[2] or given["PORT"]
        log_file = tmp_path / f"server-{port}.log"
        # Not by -m: gunicorn started that way does not survive a SIGUSR2.
        command = [sys.executable, str(Path(sys.executable).with_name("gunicorn")), "wsgi:app", *arguments]
        with log_file.open("wb") as output:
            process = subprocess.Popen(command, cwd=ROOT, env=clean_environment() | given, stdout=output, stderr=output)
        server = Server(process, f"http://127.0.0.1:{listens_on}", log_file)
        servers.append(server)
        server.until(lambda: server.ask(given.get("SCRIPT_NAME", "") + "/health/live")[0] == 200)
        return server

    try:
        yield start
    finally:
        for server in servers:
            server.stop(signal.SIGTERM)
