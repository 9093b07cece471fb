"""The instrument of a run: it starts the servers, and measures one cell in one round on one of them."""

import contextlib
import dataclasses
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import servers
from benchmarks.cores import await_quiet, busy_seconds, server_cores
from benchmarks.load.kinds import Load
from benchmarks.load.requests import Request
from benchmarks.load.scenario_requests import mean_rows, requests_for
from benchmarks.load.sequential import sequential
from benchmarks.measurement import Measurement
from benchmarks.readiness import WARM_SECONDS, await_ready
from benchmarks.ready_arrays import batches_a_second
from benchmarks.scenarios import ONE_ROW, Scenario
from benchmarks.servers import NotStarted, Server
from benchmarks.statistics import FEWEST
from benchmarks.targets import Target
from benchmarks.workload import Pool

SLOW_SECONDS = 4.0
"""A cell whose single request takes longer is measured in three rounds only."""


@dataclass(slots=True)
class Lab:
    """What a run needs. ``patience`` is the longest that one measurement of a slow target may take, in seconds."""

    artifact: Path
    pool: Pool
    seconds: float
    rounds: int
    patience: float
    say: Callable[[str], None]
    work: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="load-lab-")))
    measurements: list[Measurement] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    speeds: dict[tuple[str, str], float] = field(default_factory=dict)
    engine_alone: dict[str, dict[int, float]] = field(default_factory=dict)
    """Batches a second of the engine on ready-made arrays, by scenario and round; measured right after our service."""

    @contextlib.contextmanager
    def running(self, targets: Sequence[Target], workers: int = 1) -> Iterator[list[Server]]:
        """Servers that gave a right answer; those that did not are skipped, with the reason."""
        with contextlib.ExitStack() as stack:
            ready = []
            for target in targets:
                try:
                    began = time.monotonic()
                    work = self.work / f"{target.name}-{workers}"
                    server = servers.start(target, self.artifact, work, server_cores(workers), workers)
                    stack.callback(server.stop)
                    await_ready(server, self.pool)
                    server.cold_seconds = time.monotonic() - began
                except NotStarted as exc:
                    self.skipped[target.name] = str(exc)
                    self.say(f"{target.name} skipped: {exc}")
                    continue
                ready.append(server)
            yield ready

    def measure(self, scenario: Scenario, server: Server, number: int) -> None:
        """Measure one cell in one round and add it to ``measurements``; cells that would take too long are skipped."""
        requests = requests_for(scenario, server.target, self.pool)
        single = self._single_seconds(scenario, server, requests)
        if single > self.patience:
            self.skipped[f"{scenario.name}/{server.target.name}"] = f"one request takes about {single:.0f} s"
            return
        if single > SLOW_SECONDS and number >= FEWEST:
            return
        load = Load(scenario, server, requests, self.pool, self.seconds, single, self.ceiling(server.target.name))
        await_quiet()
        before, cpu = busy_seconds(), server.cpu_seconds()
        began = time.monotonic()
        found = load.run()
        elapsed = time.monotonic() - began
        spent = server.cpu_seconds() - cpu
        foreign = max(0.0, busy_seconds() - before - spent - found.client_cpu - found.background_cpu)
        self.measurements.append(
            Measurement(
                **dataclasses.asdict(found),
                scenario=scenario.name,
                target=server.target.name,
                round=number,
                rows_per_request=mean_rows(requests),
                server_cpu=spent,
                pss_mib=server.pss_bytes() / 2**20,
                foreign_cpu_share=foreign / elapsed,
            )
        )
        if server.target.name == "ours" and scenario.plain_batch:
            await_quiet()
            self.engine_alone.setdefault(scenario.name, {})[number] = batches_a_second(self.pool, scenario.size)

    def ceiling(self, target: str) -> float | None:
        """The target's median one-row rate so far."""
        rates = sorted(m.rate for m in self.measurements if (m.scenario, m.target) == ("one_row", target))
        return rates[len(rates) // 2] if rates else None

    def _single_seconds(self, scenario: Scenario, server: Server, requests: list[Request]) -> float:
        """Seconds of one request on an idle server: measured once, or estimated where a batch is a loop over rows."""
        key = scenario.name, server.target.name
        if key not in self.speeds and server.target.loops and not scenario.invalid:
            one = sequential(server.port, requests_for(ONE_ROW, server.target, self.pool), 0.2, server.target.protocol)
            expected = one.seconds / one.requests * scenario.rows_per_request
            if expected > self.patience:
                self.speeds[key] = expected
        if key not in self.speeds:
            warm = sequential(server.port, requests, WARM_SECONDS / 3, server.target.protocol)
            self.speeds[key] = warm.seconds / warm.requests
            if warm.bad:
                self.say(f"{server.target.name}, {scenario.name}: {warm.failed} failed, {warm.wrong} wrong answers")
        return self.speeds[key]
