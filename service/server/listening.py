"""How a worker gives its address up without resetting a client that the kernel has let in.

The kernel resets the connections that nobody has accepted when the last process closes the socket. So the last worker
of a server that stops has the kernel drop what would begin a new connection. Its client begins again a second later,
and is refused by then. Nothing of this happens where others go on with the socket: at a reload, with fewer workers, at
``max_requests``, or when another master has it.
"""

import os
import select
import socket
import struct
import sys
import time
from array import array
from typing import Any

_ACCEPT_QUEUE = struct.Struct("=24xI")
"""Of Linux's ``struct tcp_info`` of a listening socket: ``tcpi_unacked``, the connections that wait to be accepted."""
_UNINTERRUPTED = 1.0
"""Seconds that no other thread may ask for the interpreter."""
_HANDSHAKE = 0.1
"""Seconds in which a client that has begun to connect, and got its answer, is let in."""
_SO_ATTACH_FILTER = 26
_FILTER = struct.Struct("=HBBI")
_DROP_FIRST_SEGMENTS = (
    (0x30, 0, 0, 13),  # load the byte of a TCP segment that has its flags
    (0x54, 0, 0, 0x12),  # of them SYN and ACK
    (0x15, 0, 1, 0x02),  # a SYN alone?
    (0x06, 0, 0, 0),  # drop it
    (0x06, 0, 0, 0xFFFFFFFF),  # let it pass
)
"""A filter as ``struct sock_filter`` has it: operation, jump if true, jump if false, operand."""
_pipe: list[int] = []
"""A reading end, and a writing end until it is closed. Nothing is written: what counts is who still has the latter."""


def follow_stop(arbiter: Any) -> None:
    """Have the workers of an arbiter see which of them is the last one of a server that stops; before the first fork.

    They inherit the writing end of a pipe, and each closes it when it gives the address up, or dies. The arbiter closes
    it when the whole server stops. Whoever then finds the pipe at its end is alone.
    """
    _pipe[:] = os.pipe()
    os.set_blocking(_pipe[0], False)
    stop = arbiter.stop

    def stop_and_tell(graceful: bool = True) -> None:
        if _owns_address(arbiter):
            _close_writing_end()
        stop(graceful)

    arbiter.stop = stop_and_tell


def _close_writing_end() -> None:
    while len(_pipe) > 1:
        os.close(_pipe.pop())


def _owns_address(arbiter: Any) -> bool:
    """Whether nobody else has the sockets of an arbiter."""
    is_alone = arbiter.reexec_pid == arbiter.master_pid == 0 and not arbiter.systemd
    return is_alone and not arbiter.cfg.reuse_port and not any(isinstance(bind, int) for bind in arbiter.cfg.address)


def give_up_address(worker: Any) -> None:
    """Accept the connections that wait, then close the worker's listeners.

    Without the filter the kernel resets a client that connects between the last look and the closing. So no other
    thread may come between them: the last look reads a socket option, which keeps the interpreter's lock, as accepting
    does not.
    """
    for listener in worker.sockets:
        listener.setblocking(False)
    filtered = [_drop_first_segments(listener) for listener in worker.sockets] if _is_last() else []
    if any(filtered):
        _finish_handshakes(worker)
    switch_interval = sys.getswitchinterval()
    sys.setswitchinterval(_UNINTERRUPTED)
    try:
        for listener in worker.sockets:
            _accept_all(worker, listener)
            listener.close()
    finally:
        sys.setswitchinterval(switch_interval)


def _is_last() -> bool:
    """Whether the whole server stops, and every other worker of it is gone or has given the address up. Asked once."""
    if not _pipe:
        return False
    _close_writing_end()
    try:
        return os.read(_pipe[0], 1) == b""
    except BlockingIOError:
        return False


def _drop_first_segments(listener: Any) -> bool:
    """Have the kernel drop what would begin a new connection; whether it does."""
    if sys.platform != "linux" or listener.family not in (socket.AF_INET, socket.AF_INET6):
        return False
    code = array("B", b"".join(_FILTER.pack(*line) for line in _DROP_FIRST_SEGMENTS))
    program = struct.pack("HP", len(_DROP_FIRST_SEGMENTS), code.buffer_info()[0])
    try:
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
    except OSError:
        return False
    return True


def _finish_handshakes(worker: Any) -> None:
    """Accept those who had begun to connect."""
    until = time.monotonic() + _HANDSHAKE
    while (left := until - time.monotonic()) > 0:
        for listener in select.select(worker.sockets, [], [], left)[0]:
            worker.accept(listener)


def _accept_all(worker: Any, listener: Any) -> None:
    """Accept until nothing waits, or until twice nothing could be taken."""
    idle = 0
    while idle < 2:
        before = worker.nr_conns
        worker.accept(listener)
        idle = idle + 1 if worker.nr_conns == before else 0
        if idle and not waiting_connections(listener):
            return


def waiting_connections(listener: Any) -> int:
    """Connections that wait to be accepted; 0 where the kernel does not tell (a Unix socket, another system)."""
    try:
        info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _ACCEPT_QUEUE.size)
    except (OSError, AttributeError):
        return 0
    return int(_ACCEPT_QUEUE.unpack(info)[0]) if len(info) == _ACCEPT_QUEUE.size else 0
