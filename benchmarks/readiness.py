"""Ready means answered rightly: one request before a server counts as started, some hundred before it is measured."""

import math
import time

from benchmarks import servers
from benchmarks.load.exchange import right
from benchmarks.load.requests import asks_of, valid
from benchmarks.load.sequential import ask_once, sequential
from benchmarks.protocols import DIALECTS
from benchmarks.scenarios import ONE_ROW
from benchmarks.servers import NotStarted, Server
from benchmarks.workload import Pool

WARM_REQUESTS, WARM_SECONDS = 300, 1.5


def await_ready(server: Server, pool: Pool) -> None:
    """Until one request was answered rightly.

    Raises:
        NotStarted: the process ended, or answers wrongly, or nothing came in time.
    """
    ask = asks_of(ONE_ROW, server.row, pool)[0]
    limit, said = servers.deadline(), "nothing"
    while time.monotonic() < limit:
        if server.process.poll() is not None:
            break
        try:
            status, body = ask_once(server.port, ask, 30)
        except OSError:
            time.sleep(0.02)  # between knocks at a closed door; warm-up itself is counted in answers
            continue
        if right(ask, status, body, DIALECTS[server.row.dialect]):
            return
        said = f"{status} {body[:200].decode(errors='replace')}"
        time.sleep(0.05)
    log = servers.last_lines(server.work / "server.log")
    raise NotStarted(f"{server.row.title} gave no right answer (last: {said}).\n{log}")


def warm_up(server: Server, pool: Pool) -> None:
    """Answered requests, as many as fit into WARM_SECONDS, at most WARM_REQUESTS; all of them checked."""
    asks = [valid(server.row, pool, place, 0) for place in range(50)]
    began = time.monotonic()
    for _ in range(math.ceil(WARM_REQUESTS / len(asks))):
        if time.monotonic() - began > WARM_SECONDS:
            break
        sequential(server.port, asks, 0.0, server.row.dialect, least=len(asks))
