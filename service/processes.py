"""Running a module of the service in a process of its own, and the user that the service's processes run as.

A gunicorn that root starts with ``--user`` changes user in each worker. What its master writes for them, and each
process that it starts, must belong to that user as well.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import service

_user: tuple[int, int] | None = None
"""Ids of the user and the group of the service's processes; None where they are this process's own."""


def run_as(uid: int, gid: int) -> None:
    """Let the service's processes run as this user and group; without effect where this process is not root's."""
    global _user
    _user = (uid, gid) if os.geteuid() == 0 and (uid, gid) != (0, os.getegid()) else None


def user_id() -> int:
    """The id of the user that the service's processes run as."""
    return _user[0] if _user else os.geteuid()


def give(path: Path) -> None:
    """Give a file or a folder of root's to the user of the service; a symbolic link is not followed.

    Raises:
        OSError: it is not there.
    """
    if _user and os.geteuid() == 0 and path.lstat().st_uid == 0:
        os.chown(path, *_user, follow_symlinks=False)


@contextmanager
def as_user() -> Iterator[None]:
    """Be the user of the service for a while: what is made belongs to it, and what it may not do fails now."""
    if _user is None or os.geteuid() != 0:
        yield
        return
    group = os.getegid()
    os.setegid(_user[1])
    os.seteuid(_user[0])
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)


def stay_user(initgroups: bool) -> None:
    """In a worker: be the user of the service from now on."""
    if _user is None:
        return
    if initgroups:
        import pwd

        os.initgroups(pwd.getpwuid(_user[0]).pw_name, _user[1])
    os.setgid(_user[1])
    os.setuid(_user[0])


def run_module(
    module: str,
    environment: Mapping[str, str],
    descriptors: Sequence[int] = (),
    own_group: bool = False,
) -> subprocess.Popen[bytes]:
    """Start it with this environment and these open files; in a group of its own no signal of the terminal reaches it.

    It stays in the server's session: kernels that weigh sessions (autogroup) would give one of its own an equal share.
    """
    user, group = _user if _user and os.getuid() == 0 else (None, None)
    with _as_root():
        return subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [_python(), "-m", module],
            env={**environment, "PYTHONPATH": _path(environment)},
            stdin=subprocess.DEVNULL,
            process_group=0 if own_group else None,
            pass_fds=descriptors,
            user=user,
            group=group,
            extra_groups=None if user is None else (),
        )


def run_and_wait(
    module: str, request: bytes = b"", seconds: float | None = None, arguments: Sequence[str] = (), **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """Run ``python -m module arguments`` to its end, as this process's user: ``request`` is its standard input.

    ``environment``: variables to add to those of this process.

    Raises:
        subprocess.TimeoutExpired: it was ended, since it took longer than ``seconds``.
        OSError: it cannot be started.
    """
    return subprocess.run(  # noqa: S603 - our own interpreter and modules
        [_python(), "-m", module, *arguments],
        input=request,
        capture_output=True,
        timeout=seconds,
        env={**os.environ, "PYTHONPATH": _path(os.environ), **environment},
    )


class NoAnswer(Exception):
    """A module ended without an answer; the last line that it wrote says why."""


def ask(module: str, request: Any, seconds: float, **environment: str) -> dict[str, Any]:
    """The JSON object that ``python -m module`` answers to ``request``, which it reads as JSON; see ``run_and_wait``.

    Raises:
        NoAnswer, subprocess.TimeoutExpired, OSError
    """
    run = run_and_wait(module, json.dumps(request).encode(), seconds, **environment)
    try:
        answer: dict[str, Any] = json.loads(run.stdout)
    except ValueError:
        lines = run.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {run.returncode}"]
        raise NoAnswer(lines[-1]) from None
    return answer


def run_attached(module: str, arguments: Sequence[str]) -> int:
    """Run ``python -m module arguments`` in this terminal to its end; its exit code.

    Raises:
        OSError: it cannot be started.
    """
    return subprocess.run(  # noqa: S603 - our own interpreter and modules
        [_python(), "-m", module, *arguments], env={**os.environ, "PYTHONPATH": _path(os.environ)}
    ).returncode


def _path(environment: Mapping[str, str]) -> str:
    """PYTHONPATH by which a child finds the modules of this repository."""
    root = str(Path(service.__file__ or "").parents[1])
    return os.pathsep.join(filter(None, [root, environment.get("PYTHONPATH", "")]))


@contextmanager
def _as_root() -> Iterator[None]:
    """Within ``as_user``: be root again, for only root may start a process of another user."""
    if _user is None or os.getuid() != 0 or os.geteuid() == 0:
        yield
        return
    os.seteuid(0)
    try:
        yield
    finally:
        os.seteuid(_user[0])


def _python() -> str:
    """The interpreter of this environment.

    Where Python is embedded, as in uWSGI, ``sys.executable`` is the server, or the Python that the virtual environment
    was made from, which has none of its packages.
    """
    own = Path(sys.prefix) / "bin" / "python3"
    named = Path(sys.executable or "").name.startswith("python")
    return str(own) if own.exists() and (sys.prefix != sys.base_prefix or not named) else sys.executable
