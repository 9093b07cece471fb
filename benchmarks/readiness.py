"""A server is ready when it gave a right answer to one request; it is measured after some hundred more."""

import math
import time

from benchmarks import servers
from benchmarks.load.requests import is_correct
from benchmarks.load.scenario_requests import requests_for, valid
from benchmarks.load.sequential import send_once, sequential
from benchmarks.protocols import PROTOCOLS
from benchmarks.scenarios import ONE_ROW
from benchmarks.servers import NotStarted, Server
from benchmarks.workload import Pool

WARM_REQUESTS, WARM_SECONDS = 300, 1.5


def await_ready(server: Server, pool: Pool) -> None:
    """Wait until one request was answered rightly.

    Raises:
        NotStarted: the process ended, or answers wrongly, or nothing came in time.
    """
    request = requests_for(ONE_ROW, server.target, pool)[0]
    limit, last = servers.deadline(), "nothing"
    while time.monotonic() < limit:
        if server.process.poll() is not None:
            break
        try:
            status, body = send_once(server.port, request, 30)
        except OSError:
            time.sleep(0.02)  # until it listens
            continue
        if is_correct(request, status, body, PROTOCOLS[server.target.protocol]):
            return
        last = f"{status} {body[:200].decode(errors='replace')}"
        time.sleep(0.05)
    log = servers.last_lines(server.work / "server.log")
    raise NotStarted(f"{server.target.title} gave no right answer (last: {last}).\n{log}")


def warm_up(server: Server, pool: Pool) -> None:
    """Send at most WARM_REQUESTS requests for at most WARM_SECONDS."""
    requests = [valid(server.target, pool, place, 0) for place in range(50)]
    began = time.monotonic()
    for _ in range(math.ceil(WARM_REQUESTS / len(requests))):
        if time.monotonic() - began > WARM_SECONDS:
            break
        sequential(server.port, requests, 0.0, server.target.protocol, least=len(requests))
