"""The folder of the slots: which process writes where.

A process holds its slot by a file lock, which the kernel takes off it however it dies. The next process takes the slot
over and counts on from there: there are never more files than processes lived at once, and no counter goes back.
"""

import hashlib
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from service.locks import is_held, locked, open_lock, try_lock
from service.metrics.catalogue import METRICS
from service.metrics.shared_values import CELLS, NAMES, SIZE, Key, Slot, series

_LAYOUT = hashlib.sha256(repr((sorted(METRICS.items()), CELLS, NAMES)).encode()).hexdigest()[:12]
"""In the files' names: two releases that run at once, in an upgrade, do not read each other's."""
MEMORY = Path("/dev/shm")  # noqa: S108  # a folder of our own in it, whose owner is checked
MODE = 0o644
"""Whoever may read the folder may read the counts."""

Series = tuple[Key, list[float], bool]
"""A series, the values of its cells, and whether the process that holds them lives."""


def folder_for(var_dir: Path) -> Path:
    """Where the slots of a service with this VAR_DIR lie: in memory where the system has such a file system.

    A page of a file on disk that is being written back holds up whoever writes to it, for seconds on a busy disk.
    """
    if os.access(MEMORY, os.W_OK | os.X_OK):
        name = hashlib.sha256(os.fsencode(var_dir.resolve())).hexdigest()[:16]
        folder = MEMORY / f"tabular-serving-{os.geteuid()}-{name}"
        try:
            folder.mkdir(mode=0o755, exist_ok=True)
            if folder.lstat().st_uid == os.geteuid() and not folder.is_symlink():
                return folder
        except OSError:
            pass
    folder = var_dir / "metrics"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def claim(folder: Path) -> tuple[Slot, int]:
    """Take the first slot that nobody alive holds, and the descriptor that holds it.

    Where nobody alive holds any, all is forgotten first: a service that starts counts from nought.

    Raises:
        OSError: there is no room, or no right to write.
    """
    with _locked(folder):
        if not any(is_held(path) for path in _paths(folder)):
            for path in folder.iterdir():
                if path.name != "lock":
                    path.unlink()
        number = 0
        while True:
            path = folder / f"{_LAYOUT}-{number}"
            descriptor = open_lock(path, MODE)
            if not try_lock(descriptor):
                os.close(descriptor)
                number += 1
                continue
            try:
                _allocate(descriptor)
                slot = Slot(mmap.mmap(descriptor, SIZE))
            except OSError:
                os.close(descriptor)
                path.unlink(missing_ok=True)
                raise
            slot.adopt(os.getpid())
            return slot, descriptor


def read(folder: Path) -> Iterator[Series]:
    """Each series of each slot."""
    with _locked(folder):
        slots = [(path, is_held(path)) for path in _paths(folder)]
    for path, alive in slots:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            continue
        if len(content) == SIZE:
            cells: memoryview[float] = memoryview(content)[: CELLS * 8].cast("d")
            for key, place in series(cells, content[CELLS * 8 :]):
                yield key, list(cells[place : place + METRICS[key[0]].width]), alive


def _allocate(descriptor: int) -> None:
    """Take the room on the file system now: writing to a map of a file that has none kills the process."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, SIZE)
    elif os.fstat(descriptor).st_size < SIZE:
        os.write(descriptor, bytes(SIZE))


def _paths(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{_LAYOUT}-*"))


def remove_if_unused(folder: Path) -> None:
    """Remove the folder where nobody alive holds a slot in it."""
    with suppress(OSError), _locked(folder):
        if not any(is_held(path) for path in _paths(folder)):
            for path in folder.iterdir():
                path.unlink()
            folder.rmdir()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder's own lock: a look at a slot's lock must not be taken for its owner."""
    while True:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        with locked(folder / "lock", MODE) as descriptor:
            if os.fstat(descriptor).st_nlink:  # else the last one out has just removed it
                yield
                return
