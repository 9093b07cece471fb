"""One of our own modules run as a process of its own: by the interpreter that runs us, from the code that runs us."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import service


def run_module(module: str, environment: Mapping[str, str], **how: Any) -> subprocess.Popen[bytes]:
    """Start ``python -m module``; ``how`` goes to Popen.

    Raises:
        OSError: no process can be started.
    """
    root = str(Path(service.__file__ or "").parents[1])
    path = os.pathsep.join(filter(None, [root, environment.get("PYTHONPATH", "")]))
    return subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [_python(), "-m", module], env={**environment, "PYTHONPATH": path}, stdin=subprocess.DEVNULL, **how
    )


def _python() -> str:
    """The interpreter; where Python is embedded, as in uWSGI, ``sys.executable`` is the server."""
    if Path(sys.executable or "").name.startswith("python"):
        return sys.executable
    return str(Path(sys.prefix) / "bin" / "python3")
