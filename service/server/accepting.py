"""Room for connections: what a worker does when it can take no more of them."""

import errno
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from service.server.connection import Connection

HURRY = 2.0
"""Seconds that a client has to ask in while others wait for a place."""
SPARE = 16
"""Descriptors that are left to the process when it finds that it can open no more."""
_NO_MORE = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


def accepted(worker: ThreadWorker, listener: Any) -> tuple[Any, Any] | None:
    """A new connection and its address; None where there is none, or no place for one."""
    try:
        found: tuple[Any, Any] = listener.accept()
    except (BlockingIOError, ConnectionAbortedError):
        return None
    except OSError as exc:
        if exc.errno not in _NO_MORE:
            raise
        # From now on no more than there are, less what the process itself must open: the loop stops accepting.
        worker.worker_connections = max(1, worker.nr_conns - SPARE)
        worker.log.warning("No more than %s connections: %s", worker.worker_connections, exc.strerror)
        return None
    return found


def overdue(conn: Connection, now: float, patience: float, full: bool) -> bool:
    """Whether to wait for this client no longer; one that asks for nothing makes room where others wait."""
    if conn.deadline <= now:
        return True
    return full and not conn.unsent and not conn.closing and conn.deadline - now < patience - HURRY
