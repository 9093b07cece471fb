"""The files of IN, in their order, and what tells whether one of them has changed."""

import glob
import hashlib
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from scoring.refusals import ScoringError

KINDS = {
    **dict.fromkeys((".csv", ".csv.gz"), "csv"),
    **dict.fromkeys((".parquet", ".pq", ".parq"), "parquet"),
    **dict.fromkeys((".arrow", ".feather", ".ipc", ".arrows"), "arrow"),
}
"""The format by the end of a file's name."""
ENDINGS = ", ".join(KINDS)
EDGE = 65536
"""Bytes at a file's begin and end that are compared; with size and time of change they tell another content."""


@dataclass(frozen=True, slots=True)
class Input:
    """One file: its path and format, and the facts that differ when it was changed."""

    path: str
    kind: str
    size: int
    changed: int
    digest: str


def find_inputs(given: str, out: Path) -> tuple[list[Input], list[str]]:
    """The files of a path, a folder or a glob, sorted; and the names of files of other kinds, which are left out.

    A folder is searched to any depth. Names that begin with a dot or an underscore are left out, as Spark does.

    Raises:
        ScoringError: there are none, one cannot be read, or OUT is or will be one of them.
    """
    path = Path(given)
    if path.is_dir():
        found = _below(path)
        if _inside(out, path):
            raise ScoringError(f"{out} lies in {path}, which is read: choose another OUT.")
    elif path.exists():
        found = [path]
    else:
        names = sorted(glob.glob(given, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
        found = [Path(name) for name in names if not Path(name).is_dir()]
        if not found:
            raise ScoringError(f"{given}: no such file, and no file fits it as a pattern.")
        if _fits(out, given):
            raise ScoringError(f"{out} is one of the files of {given}: choose another OUT.")
    if any(_same(one, out) for one in found):
        raise ScoringError(f"{out} is IN itself: choose another OUT.")
    known = [one for one in found if kind_of(one)]
    others = [str(one) for one in found if not kind_of(one)]
    if not known:
        named = f"{given} has no file" if len(found) != 1 or path.is_dir() else f"{given} is no file"
        raise ScoringError(f"{named} of a known kind: names must end in one of {ENDINGS}.")
    return [describe(one) for one in known], others


def kind_of(path: Path) -> str:
    """The format by the name; empty where it is none that is read."""
    return next((kind for ending, kind in KINDS.items() if path.name.lower().endswith(ending)), "")


def describe(path: Path) -> Input:
    """The facts of a file.

    Raises:
        ScoringError: it is no regular file, or cannot be read.
    """
    try:
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode):
            raise ScoringError(f"{path} is no regular file: write its content to a file first.")
        with path.open("rb") as file:
            edges = file.read(EDGE)
            file.seek(max(0, facts.st_size - EDGE))
            edges += file.read(EDGE)
    except OSError as exc:
        raise ScoringError(f"{path} cannot be read: {exc.strerror}.") from None
    digest = hashlib.sha256(edges).hexdigest()
    return Input(str(path.absolute()), kind_of(path), facts.st_size, facts.st_mtime_ns, digest)


def check_unchanged(inputs: Sequence[Input]) -> None:
    """Make sure that every file still is what was read.

    Raises:
        ScoringError: one has changed meanwhile.
    """
    for one in inputs:
        if describe(Path(one.path)) != one:
            raise ScoringError(
                f"{one.path} has changed while it was read: nothing was put in place. "
                "When it is written whole, begin anew with --restart."
            )


def _below(folder: Path) -> list[Path]:
    found = []
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name[0] not in "._"]
        found += [Path(root) / name for name in names if name[0] not in "._"]
    return sorted(found)


def _inside(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def _fits(path: Path, pattern: str) -> bool:
    """Whether a glob would find the path once it is there."""
    return fnmatch(str(path.resolve()), str(Path(pattern).absolute()))


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()
