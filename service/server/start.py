"""What a gunicorn master checks when it starts: settings, worker class, address, open files.

gunicorn runs its configuration file again at every reload, when an error would end the service. The environment cannot
have changed by then. A file that a setting names can be missing or broken by then; the module that reads it handles it.
"""

import errno
import importlib
import os
import resource
import socket
import sys
from functools import lru_cache
from pathlib import Path

from gunicorn.workers.base import Worker
from gunicorn.workers.base_async import AsyncWorker
from gunicorn.workers.gthread import ThreadWorker
from gunicorn.workers.sync import SyncWorker

from service import log, processes
from service.access.tokens import read_tokens
from service.metrics import listener
from service.records.shipper import supervisor
from service.setting_readers import Address
from service.settings import Settings, SettingsError

CONNECTIONS = 4096
"""Connections of one worker. An idle one takes some kilobytes; clients beyond wait until another one closes."""
OWN_DESCRIPTORS = 40
"""Descriptors that a worker needs for itself: fifteen were counted in one that serves."""


@lru_cache(maxsize=1)
def settings_at_start() -> Settings:
    """The settings, read once per master; one that cannot be used ends it with an error of one sentence."""
    try:
        settings = Settings.read(os.environ)
        if settings.api_tokens_file is not None:
            read_tokens(settings.api_tokens_file)
        check_worker_class(settings.worker_class)
        check_address(settings.bind)
        listener.bind(settings)
    except SettingsError as exc:
        sys.exit(f"Error: {exc.message}")
    return settings


OWN_FILES = (
    *("spool", "metrics", "registry", "last_good", "last_good.json", "limits.v1", "predictions.db*", "*.lock"),
    ".last_good.json-*",  # what a process was writing when it ended
)
"""What the service writes into VAR_DIR."""


def hand_over(settings: Settings) -> None:
    """Before root's master changes user: VAR_DIR and what an earlier start as root left in it belong to that user.

    Files of others in VAR_DIR are left alone, and so is a VAR_DIR that somebody else owns or has files in.
    """
    if processes.user_id() == os.geteuid():
        return
    folder, others = settings.var_dir, list[str]()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        supervisor.kill_other(settings)  # one of root's would go on making files of its own
        own = [path for pattern in OWN_FILES for path in folder.glob(pattern)]
        for path in own:
            for inside in (path, *path.rglob("*")) if not path.is_symlink() else ():
                processes.give(inside)
        others = sorted(path.name for path in {*folder.iterdir()} - {*own})
        if not others:
            processes.give(folder)
        with processes.as_user():
            if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            if not os.access(sys.executable, os.X_OK, effective_ids=True):
                log.error("user_cannot_run_python", user=processes.user_id(), python=sys.executable)
    except OSError as exc:
        reason = exc.strerror or str(exc)
        log.error(
            "var_dir_not_writable", folder=str(folder), user=processes.user_id(), reason=reason, others=others[:3]
        )


def warn_if_open(settings: Settings) -> None:
    """Log that whoever reaches this machine may call, where it listens on all addresses and asks for no token."""
    if settings.bind.host in ("0.0.0.0", "::") and settings.api_tokens_file is None:  # noqa: S104 - compared
        log.warning(
            "open_to_all",
            on=str(settings.bind),
            reason="It listens on every address and asks for no token. Set BIND=127.0.0.1:8000, or API_TOKENS_FILE.",
        )


def check_worker_class(name: str) -> None:
    """Import a worker class that is not gunicorn's own; gunicorn itself would fail later, with a traceback.

    Raises:
        SettingsError: there is no such class, or it is no worker.
    """
    module, _, attribute = name.rpartition(".")
    if not module:
        return
    try:
        found = getattr(importlib.import_module(module), attribute, None)
    except Exception as exc:  # an import may run any code
        reason = f"{type(exc).__name__}: {exc}".partition("\n")[0]
        raise SettingsError(f"WORKER_CLASS={name!r} cannot be imported: {reason}.") from None
    if not (isinstance(found, type) and issubclass(found, Worker)):
        raise SettingsError(f"WORKER_CLASS={name!r} cannot be used: it is no worker class of gunicorn's kind.")


def check_address(address: Address) -> None:
    """Check that a server could listen on an address; gunicorn tries five times, or ends with a traceback.

    A port that is in use is left to gunicorn, which waits some seconds for it to be free.

    Raises:
        SettingsError: no server can listen there.
    """
    try:
        if address.fd is not None:
            with socket.socket(fileno=os.dup(address.fd)):
                return
        if address.unix:
            if not (folder := Path(address.unix).absolute().parent).is_dir():
                raise FileNotFoundError(None, f"{folder} is no folder")
            return
        family, kind, protocol, _, found = socket.getaddrinfo(address.host, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.bind(found)
    except OSError as exc:
        raise SettingsError(f"BIND={str(address)!r} cannot be listened on: {exc.strerror}.") from None


def most_connections() -> int:
    """How many connections a worker may take; raises the process's limit of open files for them, up to the hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + OWN_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return CONNECTIONS if soft == resource.RLIM_INFINITY else max(8, min(CONNECTIONS, soft - OWN_DESCRIPTORS))


def slots_of(worker: Worker) -> int | None:
    """How many requests a worker can handle at once, for http_worker_slots; None if its class is unknown.

    A class of gunicorn's is known, and one with an attribute ``request_slots``. The worker counts, not the setting,
    since gunicorn and the inline worker may use another class than the one that was set.
    """
    if isinstance(own := getattr(worker, "request_slots", None), int):
        return own
    if isinstance(worker, ThreadWorker):
        return int(worker.cfg.threads)
    if isinstance(worker, AsyncWorker):
        return int(worker.worker_connections)
    return 1 if isinstance(worker, SyncWorker) else None
