"""One run's instrument: servers that are up and answer rightly, and one cell of one round measured on one of them."""

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import servers
from benchmarks.cores import await_quiet, busy_seconds, server_cores
from benchmarks.load.exchange import Ask
from benchmarks.load.kinds import Load, Measurement
from benchmarks.load.requests import asks_of, rows_asked
from benchmarks.load.sequential import sequential
from benchmarks.readiness import WARM_SECONDS, await_ready
from benchmarks.ready_arrays import batches_a_second
from benchmarks.rows import Row
from benchmarks.scenarios import ONE_ROW, Scenario
from benchmarks.servers import NotStarted, Server
from benchmarks.statistics import FEWEST
from benchmarks.workload import Pool

SLOW_SECONDS = 4.0
"""Where one request takes longer, three rounds must do."""

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
    engine_alone: dict[str, dict[int, float]] = field(default_factory=dict)
    """Batches a second of the engine on ready-made arrays, by scenario and round: right after our service's."""

    @contextlib.contextmanager
    def running(self, rows: Sequence[Row], workers: int = 1) -> Iterator[list[Server]]:
        """Servers that answer rightly; those that do not are skipped, with the reason."""
        with contextlib.ExitStack() as stack:
            ready = []
            for row in rows:
                try:
                    began = time.monotonic()
                    work = self.work / f"{row.name}-{workers}"
                    server = servers.start(row, self.artifact, work, server_cores(workers), workers)
                    stack.callback(server.stop)
                    await_ready(server, self.pool)
                    server.cold_seconds = time.monotonic() - began
                except NotStarted as exc:
                    self.skipped[row.name] = str(exc)
                    self.say(f"{row.name} skipped: {exc}")
                    continue
                ready.append(server)
            yield ready

    def measure(self, scenario: Scenario, server: Server, number: int) -> None:
        """One cell of one round, kept in ``measurements``; cells that would take too long are skipped."""
        asks = asks_of(scenario, server.row, self.pool)
        alone = self._alone(scenario, server, asks)
        if alone > self.patience:
            self.skipped[f"{scenario.name}/{server.row.name}"] = f"one request takes about {alone:.0f} s"
            return
        if alone > SLOW_SECONDS and number >= FEWEST:
            return
        load = Load(scenario, server, asks, self.pool, self.seconds, alone, self.ceiling(server.row.name))
        await_quiet()
        before, cpu = busy_seconds(), server.cpu_seconds()
        began = time.monotonic()
        found = load.run()
        elapsed = time.monotonic() - began
        spent = server.cpu_seconds() - cpu
        foreign = max(0.0, busy_seconds() - before - spent - found["client_cpu"] - found.pop("lab_cpu", 0.0))
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

        if server.row.name == "ours" and scenario.plain_batch:
            await_quiet()
            self.engine_alone.setdefault(scenario.name, {})[number] = batches_a_second(self.pool, scenario.size)

    def ceiling(self, row: str) -> float | None:
        """The row's median one-row rate so far."""
        rates = sorted(m["rate"] for m in self.measurements if (m["scenario"], m["row"]) == ("one_row", row))
        return rates[len(rates) // 2] if rates else None

    def _alone(self, scenario: Scenario, server: Server, asks: list[Ask]) -> float:
        """Seconds of one request while nobody else asks; measured once, or told from one row where a batch loops."""
        key = scenario.name, server.row.name
        if key not in self.speeds and server.row.loops and not scenario.invalid:
            one = sequential(server.port, asks_of(ONE_ROW, server.row, self.pool), 0.2, server.row.dialect)
            expected = one["seconds"] / one["requests"] * scenario.asked_rows
            if expected > self.patience:
                self.speeds[key] = expected
        if key not in self.speeds:
            warm = sequential(server.port, asks, WARM_SECONDS / 3, server.row.dialect)
            self.speeds[key] = warm["seconds"] / warm["requests"]
            if warm["failed"] or warm["wrong"]:
                told = f"{warm['failed']} failed, {warm['wrong']} wrong"
                self.say(f"{server.row.name} answers {scenario.name} wrongly: {told}")
        return self.speeds[key]
