"""The servers of the load lab, started once."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks import servers
from benchmarks.lab import Lab
from benchmarks.readiness import await_ready
from benchmarks.servers import Server
from benchmarks.targets import BY_NAME
from benchmarks.workload import Pool, make_pool


@pytest.fixture(scope="session")
def artifact(trained: Path) -> Path:
    """The default model's folder."""
    return next(path for path in sorted(trained.iterdir()) if (path / "manifest.json").exists())


@pytest.fixture(scope="session")
def pool(artifact: Path) -> Pool:
    return make_pool(artifact, 2000)


@pytest.fixture(scope="session")
def make_lab(artifact: Path, pool: Pool, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Lab]:
    """Factory of labs that measure for a second."""

    def make() -> Lab:
        return Lab(artifact, pool, 1, 1, 30, lambda text: None, tmp_path_factory.mktemp("lab"))

    return make


@pytest.fixture(scope="session")
def serve(make_lab: Callable[[], Lab]) -> Iterator[Callable[[str], Server]]:
    """Factory: the running server of a target, started when first asked for."""
    started: dict[str, Server] = {}
    with ExitStack() as stack:

        def start(name: str) -> Server:
            if name not in started:
                lab = make_lab()
                target = BY_NAME[name]
                if missing := target.missing():
                    pytest.skip(missing)
                server = servers.start(target, lab.artifact, lab.work / name, ())
                stack.callback(server.stop)
                await_ready(server, lab.pool)
                started[name] = server
            return started[name]

        yield start
