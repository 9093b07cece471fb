"""Running a module of the service in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import service


def run_module(
    module: str,
    environment: Mapping[str, str],
    descriptors: Sequence[int] = (),
    own_group: bool = False,
) -> subprocess.Popen[bytes]:
    """Start it with this environment and these open files; in a group of its own no signal of the terminal reaches it.

    It stays in the server's session: kernels that weigh sessions (autogroup) would give one of its own an equal share.
    """
    root = str(Path(service.__file__ or "").parents[1])
    path = os.pathsep.join(filter(None, [root, environment.get("PYTHONPATH", "")]))
    return subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [_python(), "-m", module],
        env={**environment, "PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
        process_group=0 if own_group else None,
        pass_fds=descriptors,
    )


def _python() -> str:
    """The interpreter of this environment.

    Where Python is embedded, as in uWSGI, ``sys.executable`` is the server, or the Python that the virtual environment
    was made from, which has none of its packages.
    """
    own = Path(sys.prefix) / "bin" / "python3"
    named = Path(sys.executable or "").name.startswith("python")
    return str(own) if own.exists() and (sys.prefix != sys.base_prefix or not named) else sys.executable
