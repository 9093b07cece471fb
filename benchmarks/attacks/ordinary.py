"""An ordinary client: one prediction after the other, and how long each takes."""

import socket
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from benchmarks.load.answers import parse_answer
from benchmarks.load.requests import Request

PAUSE, PATIENCE = 0.005, 8.0


@dataclass(frozen=True, slots=True)
class Waits:
    """What one ordinary client saw: milliseconds, and how many requests had no answer or another one than 200."""

    requests: int
    failed: int
    median: float
    p99: float
    p999: float
    longest: float

    def to_json(self) -> dict[str, float]:
        """Its fields."""
        return asdict(self)


def measure(port: int, requests: Sequence[Request], seconds: float) -> Waits:
    """Send predictions for so long; a connection that was closed is opened again, within the time that is measured."""
    waits: list[float] = []
    failed, client = 0, None
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.perf_counter()
        try:
            client = client or socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
            status, closes = exchange(client, requests[len(waits) % len(requests)])
            failed += status != 200
        except OSError:
            failed, closes = failed + 1, True
        if closes and client is not None:
            client.close()
            client = None
        waits.append((time.perf_counter() - began) * 1000)
        time.sleep(PAUSE)
    if client is not None:
        client.close()
    return waits_of(waits, failed)


def exchange(client: socket.socket, request: Request) -> tuple[int, bool]:
    """The status of the answer, and whether the connection closes.

    Raises:
        OSError: there was none.
    """
    client.sendall(request.raw)
    buffer = bytearray()
    while True:
        found = client.recv(65536)
        if not found:
            raise ConnectionResetError
        buffer += found
        if (whole := parse_answer(buffer)) is not None:
            return whole[0], whole[2]


def waits_of(waits: Sequence[float], failed: int) -> Waits:
    """Quantiles of milliseconds."""
    ordered = sorted(waits)
    at = {share: round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1) for share in (0.5, 0.99, 0.999)}
    return Waits(len(ordered), failed, at[0.5], at[0.99], at[0.999], round(ordered[-1], 1))
