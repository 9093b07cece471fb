"""Running a module of the service in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import service


def run_module(
    module: str,
    environment: Mapping[str, str],
    descriptors: Sequence[int] = (),
    own_group: bool = False,
) -> subprocess.Popen[bytes]:
    """Start it with this environment and these open files; in a group of its own no signal of the terminal reaches it.

    It has no session of its own: kernels that weigh sessions (autogroup) would set it against the server's as an equal.
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


def low() -> None:
    """Give this thread a tenth of what a thread of the requests gets on a busy core."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, 10)


def idle() -> None:
    """Have this thread leave the processor the moment somebody else wants it; where the system has no such class, soon.

    The nice finish their slice of some milliseconds first; the idle do not, and wait a second for one on a busy core.
    """
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, 19)
        if hasattr(os, "SCHED_IDLE"):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def _python() -> str:
    """The interpreter of this environment.

    Where Python is embedded, as in uWSGI, ``sys.executable`` is the server, or the Python that the virtual environment
    was made from, which has none of its packages.
    """
    own = Path(sys.prefix) / "bin" / "python3"
    named = Path(sys.executable or "").name.startswith("python")
    return str(own) if own.exists() and (sys.prefix != sys.base_prefix or not named) else sys.executable
