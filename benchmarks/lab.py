"""One run: start the servers, warm them up by answered requests, then alternate between them, round after round."""

import contextlib
import math
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks import servers
from benchmarks.dialects import DIALECTS
from benchmarks.load import openloop
from benchmarks.load.asks import asks_of, rows_asked, valid
from benchmarks.load.requests import Ask, get, right
from benchmarks.load.sequential import ask_once, sequential
from benchmarks.load.slow import slow_clients
from benchmarks.load.wrk import closed_loop
from benchmarks.rows import Row
from benchmarks.scenarios import Scenario
from benchmarks.servers import NotStarted, Server
from benchmarks.statistics import FEWEST, percentile
from benchmarks.workload import Pool

SLOW_SECONDS = 4.0
"""Where one request takes longer, three rounds must do."""
WARM_REQUESTS, WARM_SECONDS = 300, 1.5
GRID = (*(p / 100 for p in range(100)), 0.995, 0.999, 1.0)
"""Shares at which latencies are kept."""

Measurement = dict[str, Any]
Say = Callable[[str], None]


@dataclass(slots=True)
class Lab:
    """What a run needs. ``patience`` is the longest that one measurement of a slow row may take, in seconds."""

    artifact: Path
    pool: Pool
    seconds: float
    rounds: int
    patience: float
    say: Say
    work: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="load-lab-")))
    measurements: list[Measurement] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    speeds: dict[tuple[str, str], float] = field(default_factory=dict)

    def server_cores(self, workers: int) -> list[int]:
        """The first core; all of them where there is more than one worker."""
        return _cores() if workers > 1 else _cores()[:1]

    @property
    def client_cores(self) -> list[int]:
        """The last core."""
        return _cores()[-1:]

    @contextlib.contextmanager
    def running(self, rows: Sequence[Row], workers: int = 1) -> Iterator[list[Server]]:
        """Servers that answer rightly; those that do not are skipped, with the reason."""
        with contextlib.ExitStack() as stack:
            ready = []
            for row in rows:
                try:
                    began = time.monotonic()
                    server = servers.start(
                        row, self.artifact, self.work / f"{row.name}-{workers}", self.server_cores(workers), workers
                    )
                    stack.callback(server.stop)
                    self.await_ready(server)
                    server.cold_seconds = time.monotonic() - began
                except NotStarted as fault:
                    self.skipped[row.name] = str(fault)
                    self.say(f"{row.name} skipped: {fault}")
                    continue
                ready.append(server)
            yield ready

    def await_ready(self, server: Server) -> None:
        """Until one request was answered rightly.

        Raises:
            NotStarted: the process ended, or answers wrongly, or nothing came in time.
        """
        ask = asks_of(ONE, server.row, self.pool)[0]
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

    def measure(self, scenario: Scenario, server: Server, number: int) -> None:
        """One cell of one round, kept in ``measurements``."""
        asks = asks_of(scenario, server.row, self.pool)
        key = scenario.name, server.row.name
        if key not in self.speeds and server.row.loops and not scenario.invalid:
            alone = sequential(server.port, asks_of(ONE, server.row, self.pool), 0.2, server.row.dialect)
            expected = alone["seconds"] / alone["requests"] * scenario.asked_rows
            if expected > self.patience:
                self.speeds[key] = expected
        if key not in self.speeds:
            warm = sequential(server.port, asks, WARM_SECONDS / 3, server.row.dialect)
            self.speeds[key] = warm["seconds"] / warm["requests"]
            if warm["failed"] or warm["wrong"]:
                self.say(
                    f"{server.row.name} answers {scenario.name} wrongly: {warm['failed']} failed, {warm['wrong']} wrong"
                )
        if self.speeds[key] > self.patience:
            self.skipped[f"{scenario.name}/{server.row.name}"] = f"one request takes about {self.speeds[key]:.0f} s"
            return
        if self.speeds[key] > SLOW_SECONDS and number >= FEWEST:
            return
        before, cpu = _busy(), server.cpu_seconds()
        began = time.monotonic()
        found = self._load(scenario, server, asks)
        elapsed = time.monotonic() - began
        spent = server.cpu_seconds() - cpu
        foreign = max(0.0, _busy() - before - spent - found["client_cpu"] - found.pop("lab_cpu", 0.0))
        self.measurements.append(
            {
                "scenario": scenario.name,
                "row": server.row.name,
                "round": number,
                "rows_per_request": rows_asked(asks),
                **found,
                "rate": max(0, found["requests"] - found["failed"] - found["wrong"]) / found["seconds"],
                "server_cpu": spent,
                "pss_mib": server.pss_bytes() / 2**20,
                "foreign_cpu_share": foreign / elapsed,
            }
        )

    def ceiling(self, row: str) -> float | None:
        """The row's median one-row rate so far."""
        rates = sorted(m["rate"] for m in self.measurements if (m["scenario"], m["row"]) == ("one_row", row))
        return rates[len(rates) // 2] if rates else None

    def _load(self, scenario: Scenario, server: Server, asks: list[Ask]) -> Measurement:
        if scenario.kind == "open":
            return self._open(scenario, server, asks)
        if scenario.kind == "burst":
            due = openloop.bursts(scenario.connections, 0.5, max(2, round(self.seconds * 2)))
            return self._driven(server, asks, due, scenario.connections)
        if scenario.kind == "health":
            return self._health(server)
        if scenario.kind == "slow":
            with slow_clients(server.port, 32):
                return self._closed(scenario, server, asks)
        one = self.speeds[scenario.name, server.row.name]
        if one * scenario.connections > self.seconds * 2:
            return sequential(server.port, asks, self.seconds, server.row.dialect)
        return self._closed(scenario, server, asks)

    def _closed(self, scenario: Scenario, server: Server, asks: list[Ask]) -> Measurement:
        marker = "" if scenario.invalid or scenario.mixed else DIALECTS[server.row.dialect].marker
        cores = self.client_cores
        return closed_loop(server.port, asks, server.work, self.seconds, scenario.connections, marker, cores)

    def _open(self, scenario: Scenario, server: Server, asks: list[Ask]) -> Measurement:
        ceiling = self.ceiling(server.row.name)
        if ceiling is None:
            ceiling = self._closed(ONE, server, asks_of(ONE, server.row, self.pool))["requests"] / self.seconds
        rate = ceiling * scenario.share
        seconds = max(self.seconds, 20 / rate)
        found = self._driven(server, asks, openloop.steady(rate, seconds), scenario.connections)
        return {**found, "offered": rate}

    def _driven(self, server: Server, asks: list[Ask], due: list[float], connections: int) -> Measurement:
        plan = openloop.Plan(server.port, asks, due, connections, server.row.dialect, self.client_cores)
        found: Measurement = dict(openloop.drive(plan))
        ordered = sorted(found["latency"])
        found["latency"] = [percentile(ordered, share) for share in GRID]
        return {**found, "socket": 0}

    def _health(self, server: Server) -> Measurement:
        """The latency is that of /health; the rate as well."""
        import threading

        result: list[Measurement] = []
        asks = asks_of(ONE, server.row, self.pool)
        load = threading.Thread(
            target=lambda: result.append(
                closed_loop(server.port, asks, server.work, self.seconds + 0.5, 16, "", self.client_cores)
            )
        )
        load.start()
        due = openloop.steady(20, self.seconds)
        found = self._driven(server, [get("/health", True)], due, 4)
        load.join()
        return {**found, "lab_cpu": result[0]["client_cpu"] if result else 0.0}


def warm_up(lab: Lab, server: Server) -> None:
    """Answered requests, as many as fit into WARM_SECONDS, at most WARM_REQUESTS; all of them checked."""
    asks = [valid(server.row, lab.pool, place, 0) for place in range(50)]
    if server.row.family == "ceiling":
        asks = asks_of(ONE, server.row, lab.pool)[:1]
    began = time.monotonic()
    for _ in range(math.ceil(WARM_REQUESTS / len(asks))):
        if time.monotonic() - began > WARM_SECONDS:
            break
        sequential(server.port, asks, 0.0, server.row.dialect, least=len(asks))


ONE = Scenario("one_row", "")


def _cores() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def _busy() -> float:
    """CPU seconds of the whole machine that were not idle, stolen ones included."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))
