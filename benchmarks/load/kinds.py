"""How each kind of scenario loads a server; every kind gives a LoadResult."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from benchmarks.cores import client_cores
from benchmarks.load.arrivals import bursts, steady
from benchmarks.load.openloop import Plan, drive
from benchmarks.load.requests import Request, get
from benchmarks.load.scenario_requests import requests_for
from benchmarks.load.sequential import sequential
from benchmarks.load.slow import slow_clients
from benchmarks.load.wrk import closed_loop
from benchmarks.measurement import LoadResult
from benchmarks.protocols import PROTOCOLS
from benchmarks.results import GRID
from benchmarks.scenarios import ONE_ROW, Kind, Scenario
from benchmarks.servers import Server
from benchmarks.statistics import percentile
from benchmarks.workload import Pool


@dataclass(frozen=True, slots=True)
class Load:
    """One load of one server.

    ``single`` is the seconds of one request on an idle server; ``ceiling`` is the target's one-row rate, where known.
    """

    scenario: Scenario
    server: Server
    requests: list[Request]
    pool: Pool
    seconds: float
    single: float
    ceiling: float | None

    def run(self) -> LoadResult:
        """Load the server as the scenario's kind says."""
        return KINDS[self.scenario.kind](self)

    def one_row(self) -> list[Request]:
        """Requests of one row each, whatever the scenario sends."""
        return requests_for(ONE_ROW, self.server.target, self.pool)

    def closed(self, requests: list[Request], seconds: float, connections: int, marker: str = "") -> LoadResult:
        """As many requests as get answered, sent from the client's core."""
        server = self.server
        return closed_loop(server.port, requests, server.work, seconds, connections, marker, client_cores())

    def driven(self, requests: list[Request], due: Sequence[float], connections: int) -> LoadResult:
        """Requests sent at the times when they are due; latencies at the shares of GRID."""
        plan = Plan(self.server.port, requests, due, connections, self.server.target.protocol, client_cores())
        found = drive(plan)
        ordered = sorted(found.latency)
        return replace(found, latency=[percentile(ordered, share) for share in GRID])


def _closed(load: Load) -> LoadResult:
    scenario, target = load.scenario, load.server.target
    if load.single * scenario.connections > load.seconds / 2:  # wrk would see too few answers, or none, in the time
        return sequential(load.server.port, load.requests, load.seconds, target.protocol)
    marker = "" if scenario.invalid or scenario.mixed else PROTOCOLS[target.protocol].marker
    return load.closed(load.requests, load.seconds, scenario.connections, marker)


def _open(load: Load) -> LoadResult:
    scenario, ceiling = load.scenario, load.ceiling
    if ceiling is None:
        marker = PROTOCOLS[load.server.target.protocol].marker
        ceiling = load.closed(load.one_row(), load.seconds, ONE_ROW.connections, marker).requests / load.seconds
    rate = ceiling * scenario.share
    due = steady(rate, max(load.seconds, 20 / rate))
    return replace(load.driven(load.requests, due, scenario.connections), offered=rate)


def _burst(load: Load) -> LoadResult:
    size = load.scenario.connections
    return load.driven(load.requests, bursts(size, 0.5, max(2, round(load.seconds * 2))), size)


def _health(load: Load) -> LoadResult:
    """Latency and rate are those of /health."""
    beside: list[LoadResult] = []
    predictions = threading.Thread(
        target=lambda: beside.append(load.closed(load.one_row(), load.seconds + 0.5, ONE_ROW.connections))
    )
    predictions.start()
    found = load.driven([get("/health", True)], steady(20, load.seconds), 4)
    predictions.join()
    return replace(found, background_cpu=beside[0].client_cpu if beside else 0.0)


def _slow(load: Load) -> LoadResult:
    with slow_clients(load.server.port, 32):
        return _closed(load)


KINDS: dict[Kind, Callable[[Load], LoadResult]] = {
    "closed": _closed,
    "open": _open,
    "burst": _burst,
    "health": _health,
    "slow": _slow,
}
