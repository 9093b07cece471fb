"""How each kind of scenario loads a server. Every kind tells requests, seconds, failures and latencies alike."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.cores import client_cores
from benchmarks.load.arrivals import bursts, steady
from benchmarks.load.exchange import Ask, get
from benchmarks.load.openloop import Plan, drive
from benchmarks.load.requests import asks_of
from benchmarks.load.sequential import sequential
from benchmarks.load.slow import slow_clients
from benchmarks.load.wrk import closed_loop
from benchmarks.protocols import DIALECTS
from benchmarks.results import GRID
from benchmarks.scenarios import ONE_ROW, Kind, Scenario
from benchmarks.servers import Server
from benchmarks.statistics import percentile
from benchmarks.workload import Pool

Measurement = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Load:
    """One load of one server. ``alone`` is what a request takes with nobody else asking, ``ceiling`` the row's rate."""

    scenario: Scenario
    server: Server
    asks: list[Ask]
    pool: Pool
    seconds: float
    alone: float
    ceiling: float | None

    def run(self) -> Measurement:
        """What came of it."""
        return KINDS[self.scenario.kind](self)

    def one_row(self) -> list[Ask]:
        """Single rows, whatever the scenario asks."""
        return asks_of(ONE_ROW, self.server.row, self.pool)

    def closed(self, asks: list[Ask], seconds: float, connections: int, marker: str = "") -> Measurement:
        """As many requests as get answered, by the client's core."""
        server = self.server
        return closed_loop(server.port, asks, server.work, seconds, connections, marker, client_cores())

    def driven(self, asks: list[Ask], due: Sequence[float], connections: int) -> Measurement:
        """Requests at the instants at which they are due; latencies by share, see GRID."""
        plan = Plan(self.server.port, asks, due, connections, self.server.row.dialect, client_cores())
        found = drive(plan)
        ordered = sorted(found["latency"])
        return {**found, "latency": [percentile(ordered, share) for share in GRID], "socket": 0}


def _closed(load: Load) -> Measurement:
    scenario, row = load.scenario, load.server.row
    if load.alone * scenario.connections > load.seconds / 2:  # else too few answers, or none, fall into the time
        return sequential(load.server.port, load.asks, load.seconds, row.dialect)
    marker = "" if scenario.invalid or scenario.mixed else DIALECTS[row.dialect].marker
    return load.closed(load.asks, load.seconds, scenario.connections, marker)


def _open(load: Load) -> Measurement:
    scenario, ceiling = load.scenario, load.ceiling
    if ceiling is None:
        found = load.closed(load.one_row(), load.seconds, ONE_ROW.connections, DIALECTS[load.server.row.dialect].marker)
        ceiling = found["requests"] / load.seconds
    rate = ceiling * scenario.share
    due = steady(rate, max(load.seconds, 20 / rate))
    return {**load.driven(load.asks, due, scenario.connections), "offered": rate}


def _burst(load: Load) -> Measurement:
    size = load.scenario.connections
    return load.driven(load.asks, bursts(size, 0.5, max(2, round(load.seconds * 2))), size)


def _health(load: Load) -> Measurement:
    """The latency is that of /health; the rate as well."""
    beside: list[Measurement] = []
    predictions = threading.Thread(
        target=lambda: beside.append(load.closed(load.one_row(), load.seconds + 0.5, ONE_ROW.connections))
    )
    predictions.start()
    found = load.driven([get("/health", True)], steady(20, load.seconds), 4)
    predictions.join()
    return {**found, "lab_cpu": beside[0]["client_cpu"] if beside else 0.0}


def _slow(load: Load) -> Measurement:
    with slow_clients(load.server.port, 32):
        return _closed(load)


KINDS: dict[Kind, Callable[[Load], Measurement]] = {
    "closed": _closed,
    "open": _open,
    "burst": _burst,
    "health": _health,
    "slow": _slow,
}
