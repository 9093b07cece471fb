"""A service to roll versions out on, the commands for it, and versions that are made from one artifact."""

import dataclasses
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner

from benchmarks.twins.loading import wanted_version
from inference.artifact import GOLDEN
from inference.manifest import MANIFEST, Manifest
from inference.routing import Routing, write_routing
from service.cli.models import models_group
from service.settings import NAMES, Settings

ROOT = Path(__file__).parents[2]
START_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Service:
    """A running gunicorn and its artifacts."""

    port: int
    root: Path
    environment: dict[str, str]

    def models(self, *arguments: str) -> tuple[int, str]:
        """``flask models`` with these arguments, in this process: its exit status and what it printed."""
        done = CliRunner().invoke(models_group, arguments, env=self.environment)
        return done.exit_code, done.stdout


def make_versions(source: Path, root: Path) -> None:
    """``stable-1`` and ``good-1``, which are the artifact under other names, and ``wrong-1``, labels swapped."""
    manifest = Manifest.read(source)
    for version in ("stable-1", "good-1", "wrong-1"):
        folder = Path(shutil.copytree(source, root / version))
        changed = dataclasses.replace(manifest, version=version)
        if version == "wrong-1":
            swap = dict(zip(manifest.classes, manifest.classes[::-1], strict=True))
            golden = json.loads((folder / GOLDEN).read_bytes())
            golden["predictions"] = [swap[label] for label in golden["predictions"]]
            (folder / GOLDEN).write_text(json.dumps(golden))
            files = dict(manifest.files) | {GOLDEN: hashlib.sha256((folder / GOLDEN).read_bytes()).hexdigest()}
            changed = dataclasses.replace(changed, classes=manifest.classes[::-1], files=files)
        (folder / MANIFEST).write_text(json.dumps(changed.to_json()))
    write_routing(root, Routing("stable-1"))


@contextmanager
def running(folder: Path, workers: int = 2) -> Iterator[Service]:
    """The service, ready, on versions made from the artifact that would be served here."""
    root = folder / "artifacts"
    root.mkdir()
    settings = Settings.read(os.environ)
    make_versions(settings.artifacts_dir / wanted_version(settings), root)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environment = {name: value for name, value in os.environ.items() if name not in NAMES} | {
        "ARTIFACTS_DIR": str(root),
        "VAR_DIR": str(folder / "var"),
        "BIND": f"127.0.0.1:{port}",
        "WEB_CONCURRENCY": str(workers),
        "LOG_LEVEL": "critical",
    }
    with (folder / "server.log").open("wb") as log:
        command = [sys.executable, "-m", "gunicorn", "wsgi:app"]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        _await_ready(port, process, folder / "server.log")
        yield Service(port, root, environment)
    finally:
        process.terminate()
        process.wait(60)


def _await_ready(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5):
                return
        except OSError:
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"the service did not start:\n{log.read_text()[-2000:]}") from None
            time.sleep(0.1)
