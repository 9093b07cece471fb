"""Running a module of the service in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import service

LAST = 19
"""The niceness of what lets the requests go first: on a busy core it gets one part in seventy."""


def run_module(
    module: str,
    environment: Mapping[str, str],
    descriptors: Sequence[int] = (),
    new_session: bool = False,
    niceness: int = 0,
) -> subprocess.Popen[bytes]:
    """Start it with this environment and these open files; in a new session no signal of the terminal reaches it."""
    root = str(Path(service.__file__ or "").parents[1])
    path = os.pathsep.join(filter(None, [root, environment.get("PYTHONPATH", "")]))
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [_python(), "-m", module],
        env={**environment, "PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
        start_new_session=new_session,
        pass_fds=descriptors,
    )
    if niceness:
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, process.pid, niceness)
            if new_session:  # with autogroups niceness counts within a session only; so does that of the session itself
                Path(f"/proc/{process.pid}/autogroup").write_text(str(niceness))
    return process


def _python() -> str:
    """The interpreter of this environment.

    Where Python is embedded, as in uWSGI, ``sys.executable`` is the server, or the Python that the virtual environment
    was made from, which has none of its packages.
    """
    own = Path(sys.prefix) / "bin" / "python3"
    named = Path(sys.executable or "").name.startswith("python")
    return str(own) if own.exists() and (sys.prefix != sys.base_prefix or not named) else sys.executable
