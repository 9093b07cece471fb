"""Somebody who types what a page says: each block in order, in a folder that looks like a fresh clone.

A ``bash`` block goes to one shell and a ``python`` block to one Python, which live as long as the page. A block that
starts gunicorn gets a terminal of its own, and stays.
"""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from service.records.spool.files import oldest_pending
from tests.conftest import ROOT, clean_environment, free_port, until
from tests.docs.blocks import Block, blocks_of, matches

ADDRESS = "127.0.0.1:8000"
PATIENCE_SECONDS = 600
END = "--- end of a block ---"
PYTHON = f"""
import sys
names = {{"__name__": "__main__"}}
for path in sys.stdin:
    exec(compile(open(path.strip()).read(), path.strip(), "exec"), names)
    print("{END}", flush=True)
"""


class Session:
    """A shell or a Python that is given one file after the other, and keeps its variables."""

    def __init__(self, command: list[str], line: str, folder: Path, environment: dict[str, str]) -> None:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        self._line = line
        self._process = subprocess.Popen(command, cwd=folder, env=environment, text=True, **pipes)

    def run(self, path: Path) -> str:
        """What the file prints. It fails with its output where the file does."""
        assert self._process.stdin is not None and self._process.stdout is not None
        deadline = threading.Timer(PATIENCE_SECONDS, self._process.kill)
        deadline.start()
        try:
            self._process.stdin.write(self._line.format(path=path, end=END))
            self._process.stdin.flush()
            lines = []
            for line in self._process.stdout:
                lines.append(line.removesuffix(f"{END}\n"))
                if lines[-1] != line:
                    return "".join(lines)
        finally:
            deadline.cancel()
        raise AssertionError(f"{path.read_text()}\nfailed with:\n{''.join(lines)}")

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


class Reader:
    """Somebody who types what a page says, in a clone in ``folder``. ``environment`` has what their machine sets."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.address = f"127.0.0.1:{free_port()}"
        packages = folder / ".venv" / "installed"
        self.environment = clean_environment() | {
            "BIND": self.address,
            "WEB_CONCURRENCY": "1",
            "COLUMNS": "100",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(packages),
            "PIP_TARGET": str(packages),  # nothing is installed into the environment of the tests
            "PIP_NO_DEPS": "1",
        }
        if importlib.util.find_spec("setuptools") and importlib.util.find_spec("wheel"):
            self.environment |= {"PIP_NO_BUILD_ISOLATION": "0", "PIP_NO_INDEX": "1"}  # "0" means: without isolation
        self.environment |= environment
        self.replaced = {ADDRESS: self.address}
        self._sessions: dict[str, Session] = {}
        self._server: subprocess.Popen[bytes] | None = None

    def type_text(self, language: str, text: str) -> str:
        """Type what stands on no page."""
        return self.type(Block(language, text, 0))

    def type(self, block: Block) -> str:
        """Run a block; its output, or none of a server that goes on running."""
        path, text = self.folder / f"block-{block.line}", block.text
        for shown, own in self.replaced.items():
            text = text.replace(shown, own)
        path.write_text(text)
        if block.serves:
            self._serve(path)
            return ""
        if self._server is not None:
            self._settle()
        return self._session(block.language).run(path).replace(self.address, ADDRESS)

    def _session(self, language: str) -> Session:
        if language not in self._sessions:
            how = {
                "bash": (["bash", "-e"], ". {path} </dev/null; echo '{end}'\n"),
                "python": ([sys.executable, "-u", "-c", PYTHON], "{path}\n"),
            }[language]
            self._sessions[language] = Session(*how, self.folder, self.environment)
        return self._sessions[language]

    def _serve(self, path: Path) -> None:
        self.stop_server()
        log = self.folder / "server.log"
        with log.open("wb") as output:
            given = {"cwd": self.folder, "env": self.environment, "start_new_session": True}
            self._server = subprocess.Popen(["bash", "-e", str(path)], stdout=output, stderr=output, **given)

        def ready() -> bool:
            assert self._server is not None and self._server.poll() is None, log.read_text()
            return self._ask("/health/ready") is not None

        until(ready)

    def _settle(self) -> None:
        """Wait, as a reader does without noticing, until the worker has every version and the database every record."""
        typed = time.time()
        (routes,) = [*self.folder.glob("artifacts/routing.json"), *self.folder.glob("*/artifacts/routing.json")]
        routing = json.loads(routes.read_text())
        wanted = {routing["stable"], (routing["canary"] or {}).get("version"), routing["shadow"]} - {None}
        until(lambda: self._ask("/health")["model_version"] == routing["stable"])
        until(lambda: (known := self._ask("/model/info")) is None or wanted == _loaded(known))
        for spool in [*self.folder.glob("var/spool"), *self.folder.glob("*/var/spool")]:
            until(lambda spool=spool: (oldest := oldest_pending(spool)) is None or oldest > typed)

    def _ask(self, path: str) -> Any:
        """A JSON answer of the server; None where it refuses, as without a token, or does not listen yet."""
        try:
            with urllib.request.urlopen(f"http://{self.address}{path}", timeout=30) as answer:
                return json.load(answer)
        except OSError:
            return None

    def stop_server(self) -> None:
        """End the server, as Ctrl-C in its terminal does."""
        if self._server is not None and self._server.poll() is None:
            os.killpg(self._server.pid, signal.SIGTERM)
            self._server.wait(PATIENCE_SECONDS)

    def close(self) -> None:
        """End everything."""
        for session in self._sessions.values():
            session.close()
        self.stop_server()


def _loaded(info: dict[str, Any]) -> set[str]:
    return {one["model_version"] for one in info["versions"]}


def clone(folder: Path) -> Path:
    """A folder that looks like a fresh clone, with the tests' Python as its ``.venv``."""
    made = {".git", ".venv", "artifacts", "var", "tutorial", "client"}
    for path in ROOT.iterdir():
        if path.name not in made and not path.name.endswith("_cache"):
            (folder / path.name).symlink_to(path)
    shutil.copytree(ROOT / "client", folder / "client")  # pip builds in it
    activate = folder / ".venv" / "bin" / "activate"
    activate.parent.mkdir(parents=True)
    (folder / ".venv" / "installed").mkdir()
    activate.write_text(f'export PATH="{Path(sys.executable).parent}:$PATH"\n')
    return folder


@contextmanager
def reader(folder: Path, **environment: str) -> Iterator[Reader]:
    """A reader in a fresh clone."""
    someone = Reader(clone(folder), **environment)
    try:
        yield someone
    finally:
        someone.close()


def follow(page: Path, someone: Reader) -> None:
    """Type every block of a page; fail where one fails, or does not print what the page shows."""
    output = None
    for block in blocks_of(page):
        if block.runs:
            output = someone.type(block)
        elif block.language in ("text", "json") and output is not None:
            assert matches(block.text, output), f"{page.name}:{block.line} shows\n{block.text}\nbut it is\n{output}"
            output = None
