"""The content of a file as it was last read by any process of a server, in memory that its workers inherit.

A worker that is forked late may find the file broken or gone: it begins with what the others know, not with what the
master read when the server started.
"""

import fcntl
import os
import tempfile


class LastRead:
    """One content, written by whoever has read the file, read by all processes that are forked from this one.

    Whoever reads the file holds the lock from before the reading until after the writing, so that an older content
    never replaces a newer one. The kernel releases it however its holder dies.
    """

    def __init__(self, content: bytes) -> None:
        self._descriptor = _anonymous_file()
        self.write(content)

    def try_lock(self) -> bool:
        """Take the lock; False where another process holds it. Threads of one process are not held off."""
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return False
        return True

    def unlock(self) -> None:
        """Release the lock."""
        fcntl.lockf(self._descriptor, fcntl.LOCK_UN)

    def write(self, content: bytes) -> None:
        """Replace the content, under the lock."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, content, 0)

    def read(self) -> bytes:
        """The content, under the lock."""
        return os.pread(self._descriptor, os.fstat(self._descriptor).st_size, 0)


def _anonymous_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("last-read", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
