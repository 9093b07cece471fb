"""How a worker gives its address up without resetting a client that the kernel has let in."""

import socket
import struct
import sys
from typing import Any

_ACCEPT_QUEUE = struct.Struct("=24xI")
"""Of Linux's ``struct tcp_info`` of a listening socket: ``tcpi_unacked``, the connections that wait to be accepted."""
_UNINTERRUPTED = 1.0
"""Seconds that no other thread may ask for the interpreter."""


def give_up_address(worker: Any) -> None:
    """Accept the connections that wait, then close the worker's listeners.

    The kernel resets a client that connects between the last look and the closing. So no other thread may come between
    them: the last look reads a socket option, which keeps the interpreter's lock, as accepting does not.
    """
    switch_interval = sys.getswitchinterval()
    sys.setswitchinterval(_UNINTERRUPTED)
    try:
        for listener in worker.sockets:
            listener.setblocking(False)
            _accept_all(worker, listener)
            listener.close()
    finally:
        sys.setswitchinterval(switch_interval)


def _accept_all(worker: Any, listener: Any) -> None:
    """Accept until nothing waits, or until twice nothing could be taken."""
    idle = 0
    while idle < 2:
        before = worker.nr_conns
        worker.accept(listener)
        idle = idle + 1 if worker.nr_conns == before else 0
        if idle and not _waiting(listener):
            return


def _waiting(listener: Any) -> int:
    """Connections that wait to be accepted; 0 where the kernel does not tell (a Unix socket, another system)."""
    try:
        info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _ACCEPT_QUEUE.size)
    except (OSError, AttributeError):
        return 0
    return int(_ACCEPT_QUEUE.unpack(info)[0]) if len(info) == _ACCEPT_QUEUE.size else 0
