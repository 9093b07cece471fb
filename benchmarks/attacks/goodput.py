"""Goodput: what a crowd of clients that give up gets of what the service can do.

Each of the clients sends a prediction, and again when it was answered. One that has waited for ``PATIENCE`` seconds
closes its connection and comes again. One that is refused comes again at once, or after the seconds of Retry-After.
"""

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from benchmarks.load.answers import parse_answer
from benchmarks.load.requests import Request

PATIENCE = 0.7
_RETRY_AFTER = re.compile(rb"(?i)\r\nretry-after: (\d+)")


@dataclass(slots=True)
class Crowd:
    """What ``clients`` saw in ``seconds``."""

    clients: int
    obedient: bool
    seconds: float
    answered: int = 0
    refused: int = 0
    given_up: int = 0
    failed: int = 0

    @property
    def rate(self) -> float:
        """Answers in time, a second."""
        return self.answered / self.seconds

    def to_json(self) -> dict[str, float]:
        """Its fields, and the rate."""
        return asdict(self) | {"rate": round(self.rate, 1)}


def measure(port: int, requests: Sequence[Request], clients: int, obedient: bool, seconds: float) -> Crowd:
    """Let the crowd come for so long; ``obedient`` clients wait as Retry-After says."""
    crowd = Crowd(clients, obedient, seconds)
    asyncio.run(_come(crowd, port, requests))
    return crowd


async def _come(crowd: Crowd, port: int, requests: Sequence[Request]) -> None:
    until = time.monotonic() + crowd.seconds
    await asyncio.gather(*(_client(crowd, port, requests, place, until) for place in range(crowd.clients)))


async def _client(crowd: Crowd, port: int, requests: Sequence[Request], place: int, until: float) -> None:
    await asyncio.sleep(place / crowd.clients)
    opened: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    while time.monotonic() < until:
        closes, wait = True, 0.0
        try:
            async with asyncio.timeout(PATIENCE):
                opened = opened or await asyncio.open_connection("127.0.0.1", port)
                closes, wait = await _ask(crowd, *opened, requests[place % len(requests)].raw)
        except TimeoutError:
            crowd.given_up += 1
        except OSError:
            crowd.failed, wait = crowd.failed + 1, 0.05
        if closes and opened is not None:
            opened[1].close()
            opened = None
        place += crowd.clients
        await asyncio.sleep(min(wait, until - time.monotonic()) if wait else 0)
    if opened is not None:
        opened[1].close()


async def _ask(
    crowd: Crowd, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, raw: bytes
) -> tuple[bool, float]:
    """Send one request; whether the connection closes, and the seconds to wait before the next one."""
    writer.write(raw)
    buffer = bytearray()
    while (whole := parse_answer(buffer)) is None:
        found = await reader.read(65536)
        if not found:
            raise ConnectionResetError
        buffer += found
    status, _, closes = whole
    crowd.answered += status == 200
    crowd.refused += status == 503
    crowd.failed += status not in (200, 503)
    retry = _RETRY_AFTER.search(buffer)
    return closes, float(retry[1]) if retry and crowd.obedient else 0.0
