"""Compile shim.c with the C compiler of this machine."""

import shutil
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")


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
