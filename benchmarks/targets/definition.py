"""What a target is: how a server is started, which protocol it has, and what must be installed for it."""

import importlib.util
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

HERE = Path(__file__).parents[1]
PEERS = HERE / "peers" / ".venvs"
BIN = Path(sys.executable).parent

Family = Literal["flask", "fastapi", "ceiling", "peer"]

PYTHON, GUNICORN = ("{python}",), ("{python}", "-m", "gunicorn")


@dataclass(frozen=True, slots=True)
class Target:
    """One server under test.

    ``command``, ``prepare`` (run before it) and the values of ``environment`` may hold {python}, {bin} (its folder of
    programs), {port} (the next two are free as well), {workers}, {artifact} (the artifact's folder) and {work} (an
    empty folder). ``needs`` names modules, programs (``program:NAME``) or files (with a leading slash) without which
    the target is skipped. ``protocol`` names its requests and answers (protocols.py); ``keep_alive`` is False where the
    server closes every connection; ``loops`` is True where a batch costs as much as its rows one by one; ``install`` is
    what to type when something is missing; ``lacks`` says what a service loses under this server. ``identity``: its
    model answers what it is sent, as in MLflow's measurement.
    """

    name: str
    title: str
    family: Family
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    protocol: str = "ours"
    keep_alive: bool = True
    prepare: tuple[str, ...] = ()
    loops: bool = False
    install: str = ""
    lacks: str = ""
    identity: bool = False

    def missing(self) -> str | None:
        """Why this target cannot run here, or None."""
        for need in self.needs:
            if not _installed(need):
                name = need.removeprefix("program:").rpartition("/")[2]
                return f"{name} is not installed" + (f": {self.install}" if self.install else "")
        return None

    @property
    def answers_anything(self) -> bool:
        """Whether every request gets the same answer, as from a bare app."""
        return self.family == "ceiling"

    @property
    def knows_null(self) -> bool:
        """Whether a JSON null reaches the pipeline as the missing value that it was fitted with."""
        return self.family != "peer"

    @property
    def has_our_routes(self) -> bool:
        """Whether /health and the status 422 have the same meaning as in our service."""
        return self.family in ("flask", "fastapi")


def _installed(need: str) -> bool:
    if need.startswith("/"):
        return Path(need).exists()
    if need.startswith("program:"):
        places = f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}{os.pathsep}/usr/sbin"
        return shutil.which(need.partition(":")[2], path=places) is not None
    return importlib.util.find_spec(need) is not None
