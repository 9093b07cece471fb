"""Which process counts where: a file of shared memory for each, its slot, in one folder for all of a VAR_DIR.

A process holds its slot by a file lock, which the kernel releases however the process dies. The next process takes the
slot over and continues its counters: there are never more files than processes that lived at once, and no counter goes
back.
"""

import atexit
import hashlib
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from service import log
from service.locks import is_held, locked, open_lock, try_lock, unlock
from service.metrics.catalogue import METRICS
from service.metrics.shared_values import NAME_BYTES, SIZE, VALUES, Key, SharedValues, read_series
from service.processes import as_user, user_id
from service.settings import Settings

_LAYOUT = hashlib.sha256(repr((sorted(METRICS.items()), VALUES, NAME_BYTES)).encode()).hexdigest()[:12]
"""In the files' names: two releases that run at once, during an upgrade, do not read each other's files."""
MEMORY = Path("/dev/shm")  # noqa: S108  # a folder of our own in it, whose owner is checked
MODE = 0o644
"""Of the files: every user who may read the folder may read the metrics."""

Series = tuple[Key, list[float], bool]
"""A series, its values, and whether the process that set them lives."""


class ProcessSlot:
    """The slot of this process. ``shared`` are its values: private memory until ``join``, and again in a forked child.

    ``knows_worker_slots`` is false until it was tried to find out how many requests this worker can handle at once.
    """

    def __init__(self) -> None:
        self.shared = _private_values()
        self.knows_worker_slots = False
        self._descriptor = -1
        self._folder: Path | None = None

    def join(self, settings: Settings) -> None:
        """Take a slot in the folder of this VAR_DIR; without effect where the process has one there.

        What was counted in private memory is added to it. A process that changes folders takes its gauges with it and
        leaves its counters. Where there can be no shared memory, this is logged and the process counts for itself.
        """
        folder = folder_for(settings.var_dir)
        if self._descriptor >= 0 and self._folder == folder:
            return
        try:
            shared, descriptor = claim(folder)
        except OSError as exc:
            log.warning("metrics_not_shared", folder=str(folder), reason=os.strerror(exc.errno or 0))
            return
        before, self.shared = self.shared, shared
        shared.copy_from(before, counters=self._descriptor < 0)
        self.leave()
        self._descriptor, self._folder = descriptor, folder

    def leave(self) -> None:
        """Release the slot for the next process; the last process to leave removes the folder."""
        if self._descriptor >= 0:
            unlock(self._descriptor)  # closing is not enough: the memory map holds a copy of the descriptor
            os.close(self._descriptor)
            self._descriptor = -1
            if self._folder is not None:
                remove_if_unused(self._folder)

    def forget(self) -> None:
        """In a forked child: the slot is the parent's. Closing this copy of its descriptor does not release it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self.shared, self.knows_worker_slots = _private_values(), False
        self._descriptor, self._folder = -1, None

    def read(self) -> Iterator[Series]:
        """Every series of every process in the folder; of this process alone where it shares none."""
        if self._descriptor >= 0 and self._folder is not None:
            yield from read_folder(self._folder)
            return
        for key, offset in self.shared.items():
            yield key, list(self.shared.values[offset : offset + METRICS[key[0]].width]), True


def folder_for(var_dir: Path) -> Path:
    """The folder of the slots of a service with this VAR_DIR: in memory where the system has such a file system.

    A process that writes to a page of a file on disk waits while that page is written back: seconds on a busy disk.
    """
    if os.access(MEMORY, os.W_OK | os.X_OK):
        name = hashlib.sha256(os.fsencode(var_dir.resolve())).hexdigest()[:16]
        folder = MEMORY / f"tabular-serving-{user_id()}-{name}"
        try:
            with as_user():
                folder.mkdir(mode=0o755, exist_ok=True)
            if folder.lstat().st_uid == user_id() and not folder.is_symlink():
                return folder
        except OSError:
            pass
    folder = var_dir / "metrics"
    with as_user():
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def folder_of_service(var_dir: Path) -> Path | None:
    """The folder in which the running service with this VAR_DIR counts, whichever user it runs as; None without one.

    A folder of another user's counts where that user, or root, owns VAR_DIR: else anybody could invent a service.
    """
    own = folder_for(var_dir)
    folders = [own]
    with suppress(OSError):
        owner = var_dir.stat().st_uid
        others = MEMORY.glob(f"tabular-serving-*-{hashlib.sha256(os.fsencode(var_dir.resolve())).hexdigest()[:16]}")
        folders += [other for other in others if other != own and other.lstat().st_uid in (owner, 0)]
    for folder in folders:
        with suppress(OSError):
            if any(is_held(path) for path in _paths(folder)):
                return folder
    return None


def claim(folder: Path) -> tuple[SharedValues, int]:
    """Take the first slot that no living process holds: its values, and the file descriptor whose lock holds it.

    Where no living process holds any slot, all of them are removed first: a service that starts counts from zero. Those
    of another release count as well: it still serves, during an upgrade in place.

    Raises:
        OSError: there is no room, or no permission to write.
    """
    with _locked(folder):
        slots = _slots_of_all_releases(folder)
        if not any(is_held(path) for path in slots):
            for path in slots:
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
                shared = SharedValues(mmap.mmap(descriptor, SIZE))
            except OSError:
                os.close(descriptor)
                path.unlink(missing_ok=True)
                raise
            shared.adopt(os.getpid())
            return shared, descriptor


def read_folder(folder: Path) -> Iterator[Series]:
    """Each series of each slot in the folder."""
    for _, series in read_slots(folder):
        yield series


def read_slots(folder: Path) -> Iterator[tuple[str, Series]]:
    """The same, each with the name of its slot: the series of one worker after the other."""
    with _locked(folder):
        slots = [(path, is_held(path)) for path in _paths(folder)]
    for path, alive in slots:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            continue
        if len(content) == SIZE:
            values: memoryview[float] = memoryview(content)[: VALUES * 8].cast("d")
            for key, offset in read_series(values, content[VALUES * 8 :]):
                yield path.name, (key, list(values[offset : offset + METRICS[key[0]].width]), alive)


def remove_if_unused(folder: Path) -> None:
    """Remove the folder where no living process holds a slot in it."""
    with suppress(OSError), _locked(folder):
        if not any(is_held(path) for path in _slots_of_all_releases(folder)):
            for path in folder.iterdir():
                path.unlink()
            folder.rmdir()


def _allocate(descriptor: int) -> None:
    """Reserve the room on the file system now: writing to a map of a file that has none kills the process."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, SIZE)
    elif os.fstat(descriptor).st_size < SIZE:
        os.write(descriptor, bytes(SIZE))


def _paths(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{_LAYOUT}-*"))


def _slots_of_all_releases(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name != "lock"]


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder's own lock: a check of a slot's lock must not be mistaken for its owner."""
    while True:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        with locked(folder / "lock", MODE) as descriptor:
            if os.fstat(descriptor).st_nlink:  # else the last process to leave has just removed it
                yield
                return


def _private_values() -> SharedValues:
    return SharedValues(mmap.mmap(-1, SIZE))


PROCESS = ProcessSlot()
os.register_at_fork(after_in_child=PROCESS.forget)
atexit.register(PROCESS.leave)
