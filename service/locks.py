"""Exclusive locks on files: they hold between processes, and the kernel releases them however their holder dies.

A lock belongs to an open file and is inherited by a fork: open the file after it. It holds off other processes, not the
other threads of this one.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MODE = 0o640


def open_lock(path: Path, mode: int = MODE) -> int:
    """Open the file of a lock, or make it; the descriptor is closed when another program is run.

    Raises:
        OSError: it cannot be opened.
    """
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, mode)


def lock(descriptor: int) -> None:
    """Wait for the lock and take it."""
    fcntl.flock(descriptor, fcntl.LOCK_EX)


def unlock(descriptor: int) -> None:
    """Release the lock, whoever else has a copy of the descriptor."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)


def try_lock(descriptor: int) -> bool:
    """Take the lock; False where another process holds it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_held(path: Path) -> bool:
    """Whether a living process holds the lock of ``path``."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:  # shared: two who only look do not take each other for a holder
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def locked(path: Path, mode: int = MODE) -> Iterator[int]:
    """Hold the lock of ``path`` for a while; the open file's descriptor.

    Raises:
        OSError: the file cannot be opened.
    """
    descriptor = open_lock(path, mode)
    try:
        lock(descriptor)
        yield descriptor
    finally:
        os.close(descriptor)
