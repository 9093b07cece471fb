"""One request after another on one connection: for readiness, warm-up, and loads too slow for anything else."""

import socket
import time
from collections.abc import Sequence

from benchmarks.load.answers import parse_answer
from benchmarks.load.requests import Request, is_correct
from benchmarks.measurement import LoadResult
from benchmarks.protocols import PROTOCOLS


def send_once(port: int, request: Request, timeout: float = 60.0) -> tuple[int, bytes]:
    """Status and body.

    Raises:
        OSError: nobody listens, or no whole answer came.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as opened:
        return _exchange(opened, request)[:2]


def sequential(port: int, requests: Sequence[Request], seconds: float, protocol: str, least: int = 1) -> LoadResult:
    """Send at least ``least`` requests, one after the other, until ``seconds`` are over."""
    latency: list[float] = []
    failed, wrong = 0, 0
    opened: socket.socket | None = None
    began = time.perf_counter()
    while len(latency) < least or time.perf_counter() - began < seconds:
        request = requests[len(latency) % len(requests)]
        sent = time.perf_counter()
        try:
            opened = opened or socket.create_connection(("127.0.0.1", port), timeout=120)
            status, body, close = _exchange(opened, request)
            failed += status != request.status
            wrong += status == request.status and not is_correct(request, status, body, PROTOCOLS[protocol])
        except OSError:
            failed, close = failed + 1, True
        latency.append((time.perf_counter() - sent) * 1000)
        if close and opened is not None:
            opened.close()
            opened = None
    if opened is not None:
        opened.close()
    ordered = sorted(latency)
    grid = [ordered[min(len(ordered) - 1, p * len(ordered) // 100)] for p in range(101)]
    elapsed = time.perf_counter() - began
    return LoadResult(
        requests=len(latency),
        seconds=elapsed,
        failed=failed,
        wrong=wrong,
        latency=grid,
        client_cpu=0.0,
        connections=1,
    )


def _exchange(opened: socket.socket, request: Request) -> tuple[int, bytes, bool]:
    opened.sendall(request.raw)
    buffer = bytearray()
    while (whole := parse_answer(buffer)) is None:
        read = opened.recv(262_144)
        if not read:
            raise ConnectionResetError("closed before the answer was whole")
        buffer += read
    return whole
