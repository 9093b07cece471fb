"""The shared library of shim.c, compiled by this machine's C compiler, and the file by which it is controlled."""

import mmap
import shutil
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")
_NUMBERS = 6


class NoCompiler(RuntimeError):
    """There is no C compiler; the message says what to install."""


def compiled(folder: Path) -> Path:
    """The shared library, for LD_PRELOAD.

    Raises:
        NoCompiler: neither cc nor gcc nor clang is there.
    """
    compiler = next((path for name in ("cc", "gcc", "clang") if (path := shutil.which(name))), None)
    if compiler is None:
        raise NoCompiler("a C compiler is not installed: apt-get install gcc")
    library = folder / "faults.so"
    command = [compiler, "-O1", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run(command, check=True, capture_output=True)
    return library


class Control:
    """What the shim does, in every process of a service at once. ``path`` is the file, made here."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_bytes(bytes(8 * _NUMBERS))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 8 * _NUMBERS)
        self._numbers = memoryview(self._memory).cast("q")

    def set_clock(self, seconds: int) -> None:
        """Let the clock be so many seconds ahead of what is right."""
        self._numbers[0] = seconds

    def fail_writes(self, code: int, skip: int, count: int) -> None:
        """Let ``count`` writes fail after ``skip`` more have succeeded; ``code`` is the error number."""
        self._numbers[2], self._numbers[3] = skip, count
        self._numbers[1] = code

    def slow_writes(self, seconds: float) -> None:
        """Let each write take so much longer."""
        self._numbers[4] = int(seconds * 1e6)

    def fail_opens(self, code: int) -> None:
        """Let no file be opened for writing, and no folder be made."""
        self._numbers[5] = code

    @property
    def all_failed(self) -> bool:
        """Whether every write that was to fail has failed."""
        return self._numbers[3] <= 0

    def end(self) -> None:
        """Make disk and clock right again."""
        for place in range(1, _NUMBERS):
            self._numbers[place] = 0
        self._numbers[0] = 0
