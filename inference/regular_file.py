"""Reading a file that somebody else may have put there: a regular file only, and no more of it than expected.

A pipe would make its reader wait for ever, a device like /dev/zero never ends, and a file of gigabytes in the place of
a small one would take all memory.
"""

import errno
import os
import stat
from pathlib import Path

DOCUMENT_BYTES = 256 * 2**20
"""The largest JSON document of an artifact, or table of routes, that is read."""
MODEL_BYTES = 8 * 2**30
"""The largest graph or pipeline that is read."""


def read_regular(path: Path, most: int) -> bytes:
    """The content of a regular file of at most ``most`` bytes.

    Raises:
        OSError: there is none, it cannot be read, it is no regular file, or it is larger; ``strerror`` says which.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe without a writer opens at once
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is a pipe, a device or a folder, not a regular file", str(path))
        if found.st_size > most:
            raise OSError(errno.EFBIG, f"it is larger than {most} bytes", str(path))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(most + 1)
    finally:
        os.close(descriptor)
    if len(content) > most:  # it grew, or lies in /proc, where sizes are 0
        raise OSError(errno.EFBIG, f"it is larger than {most} bytes", str(path))
    return content
