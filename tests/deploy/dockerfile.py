"""deploy/docker/Dockerfile as tests read it: its stages, and each step done in a folder instead of a container."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import ROOT

FOLDER = ROOT / "deploy" / "docker"
VENV = "/opt/venv"


@dataclass
class Stage:
    """What `FROM base AS name` begins."""

    base: str
    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)


def stages(path: Path = FOLDER / "Dockerfile") -> dict[str, Stage]:
    """The stages by name, in order."""
    found: dict[str, Stage] = {}
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        step, rest = line.split(maxsplit=1)
        if step == "FROM":
            base, _, name = rest.split()
            found[name] = Stage(base, name)
        else:
            list(found.values())[-1].steps.append((step, rest.strip()))
    return found


def chain(name: str) -> list[tuple[str, str]]:
    """Every step of a stage and of those that it is built on, first to last."""
    known = stages()
    steps = known[name].steps
    while known[name].base in known:
        name = known[name].base
        steps = known[name].steps + steps
    return steps


def last(name: str, step: str) -> str:
    """What the last step of this kind says in a stage."""
    return [rest for kind, rest in chain(name) if kind == step][-1]


def environment(name: str) -> dict[str, str]:
    """The variables that a stage sets, without the PATH."""
    pairs = [pair.split("=", 1) for step, rest in chain(name) if step == "ENV" for pair in shlex.split(rest)]
    return {key: value for key, value in pairs if key != "PATH"}


def copied(name: str) -> list[str]:
    """What a stage takes from the build's context."""
    words = [rest.split() for step, rest in chain(name) if step == "COPY" and not rest.startswith("--from=")]
    return [word for line in words for word in line[:-1]]


def replay(name: str, into: Path) -> Path:
    """Do the steps of a stage in folders below ``into``, those that it is built on first; the stage's own folder."""
    known, root = stages(), into / name
    if root.exists():
        return root
    base = known[name].base
    if base in known:
        shutil.copytree(replay(base, into), root, symlinks=True)
        _move_scripts(root, into / base)
    else:
        (root / "srv").mkdir(parents=True)
    for step, rest in known[name].steps:
        if step == "RUN":
            _run(rest, root)
        elif step == "COPY":
            _copy(rest, root, into)
    return root


def _run(command: str, root: Path) -> None:
    """A shell command with the image's folders in ``root``; its Python is the one of the tests."""
    for inside in ("/opt/", "/srv/", "/usr/local/bin/"):
        command = command.replace(f" {inside}", f" {root}{inside}")
    python = str(Path(sys.executable).parent)
    given = {"PATH": f"{root}{VENV}/bin:{python}:{os.environ['PATH']}", "HOME": "/tmp"}
    given |= {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    done = subprocess.run(["sh", "-ec", command], cwd=root / "srv", env=given, capture_output=True, text=True)
    assert done.returncode == 0, f"RUN {command}\n{done.stdout}{done.stderr}"


def _copy(rest: str, root: Path, into: Path) -> None:
    """COPY, as Docker does it: several sources need a folder; a folder's content is copied, not the folder."""
    words = rest.split()
    stage = re.fullmatch(r"--from=(\w+)", words[0])
    source = replay(stage[1], into) if stage else None
    *names, target = words[1:] if stage else words
    place = root / (target.lstrip("/") if target.startswith("/") else f"srv/{target}")
    assert len(names) == 1 or target.endswith("/"), rest
    for name in names:
        found = source / name.lstrip("/") if source else ROOT / name
        if found.is_dir():
            shutil.copytree(
                found, place, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            end = place / found.name if target.endswith("/") else place
            end.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(found, end)
    if source:
        _move_scripts(root, source)


def _move_scripts(root: Path, source: Path) -> None:
    """In an image every stage's environment lies at /opt/venv; here its scripts name the folder that they came from."""
    for script in (root / VENV.lstrip("/") / "bin").glob("*"):
        if not script.is_symlink() and script.is_file() and (text := script.read_bytes()).startswith(b"#!"):
            script.write_bytes(text.replace(f"{source}{VENV}".encode(), f"{root}{VENV}".encode()))


def command(name: str, step: str) -> list[str]:
    """CMD or HEALTHCHECK of a stage, as its list of words."""
    return list(json.loads(last(name, step)[last(name, step).index("[") :]))
