"""Faults of clients, of what reads the log, and of the limits that the system sets to a process."""

import random
import resource
import socket
import time
from collections.abc import Callable

import psutil

from benchmarks.faults.definition import HOLD, Break, Fault
from benchmarks.faults.service import Service

HALF = b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 90000\r\n\r\n{"
WHOLE = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"


def _clients(count: int, sent: Callable[[random.Random], bytes], keep: bool) -> Break:
    """``count`` connections that send something: kept open and silent, or closed before the answer."""

    def make(service: Service, draw: random.Random) -> None:
        until = time.monotonic() + HOLD
        held: list[socket.socket] = []
        while time.monotonic() < until:
            opened = socket.create_connection(("127.0.0.1", service.port), timeout=10)
            try:
                opened.sendall(sent(draw))
            except OSError:  # the service closed it: it need not read all that somebody sends
                opened.close()
                continue
            if keep and len(held) < count:
                held.append(opened)
            else:
                opened.close()
            time.sleep(0.005)
        for opened in held:
            opened.close()

    return make


def _new_heads(draw: random.Random) -> bytes:
    """A request whose header names nobody knows."""
    names = (f"x-{draw.randbytes(6).hex()}: {draw.randbytes(20).hex()}" for _ in range(40))
    return ("GET /health HTTP/1.1\r\nHost: a\r\n" + "\r\n".join(names) + "\r\n\r\n").encode()


def _large_body(draw: random.Random) -> bytes:
    """More than the service takes."""
    length = draw.randrange(20, 40) << 20
    return b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n" + (
        b"Content-Length: %d\r\n\r\n" % length + bytes(2**20)
    )


def _noise(draw: random.Random) -> bytes:
    return draw.randbytes(draw.randrange(1, 4000))


def _limit(limit: int, of: Callable[[psutil.Process], int]) -> Break:
    """Set a limit of each worker's to what it needs now, for a while."""

    def make(service: Service, _draw: random.Random) -> None:
        before = {pid: psutil.Process(pid).rlimit(limit) for pid in service.workers()}
        for pid, (_, hard) in before.items():
            psutil.Process(pid).rlimit(limit, (of(psutil.Process(pid)), hard))
        time.sleep(HOLD)
        for pid, both in before.items():
            if psutil.pid_exists(pid):
                psutil.Process(pid).rlimit(limit, both)

    return make


def _fill_log(service: Service, _draw: random.Random) -> None:
    """Whoever reads the log stops reading, then reads on."""
    assert service.log_reader is not None
    service.log_reader.clear()
    time.sleep(2 * HOLD)
    service.log_reader.set()


FAULTS = (
    Fault(
        "descriptors",
        "no file descriptor is left for 2 s",
        _limit(resource.RLIMIT_NOFILE, lambda process: process.num_fds()),
        outage="new connections wait",
    ),
    Fault("memory", "no memory is left for 2 s", _limit(resource.RLIMIT_AS, lambda process: process.memory_info().vms)),
    Fault("file_size", "no file may grow for 2 s", _limit(resource.RLIMIT_FSIZE, lambda _process: 4096)),
    Fault("clients_hang", "300 clients that send half a body and wait", _clients(300, lambda _: HALF, keep=True)),
    Fault("clients_leave", "clients that leave before the answer", _clients(0, lambda _: WHOLE, keep=False)),
    Fault(
        "clients_pipeline",
        "clients that pipeline 100 requests and leave",
        _clients(0, lambda _: WHOLE * 100, keep=False),
    ),
    Fault("clients_heads", "clients with 40 header names that nobody knows", _clients(0, _new_heads, keep=False)),
    Fault("clients_large", "clients with bodies over the limit", _clients(0, _large_body, keep=False)),
    Fault(
        "clients_noise",
        "clients that send noise",
        _clients(50, _noise, keep=True),
    ),
    Fault("log_hangs", "nobody reads the log for 4 s", _fill_log, log_pipe=True),
)
