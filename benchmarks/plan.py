"""What a run measures, and how long each measurement may be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.rows import QUICK, ROWS, Row
from benchmarks.scenarios import SCENARIOS, Scenario

START_SECONDS, BETWEEN_SECONDS = 4.0, 0.9
"""What a server costs once and a measurement each time, besides its own duration."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Cells (a scenario and a row), rounds, seconds of one measurement; cells asked for that would say nothing."""

    cells: tuple[tuple[Scenario, Row], ...]
    rounds: int
    seconds: int
    patience: float
    extras: bool
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def estimate(self) -> float:
        """Seconds of it all, claims and targets included."""
        servers = {(row.name, scenario.workers) for scenario, row in self.cells}
        cells = len(self.cells) * self.rounds * (self.seconds + BETWEEN_SECONDS)
        cells += sum(SLOW_SECONDS for scenario, row in self.cells if row.name in scenario.too_slow)
        return cells + len(servers) * START_SECONDS + (EXTRA_SECONDS if self.extras else 15)

    def rows(self, workers: int) -> list[Row]:
        """The rows that are needed with so many workers."""
        wanted = {row.name for scenario, row in self.cells if scenario.workers == workers}
        return [row for row in ROWS if row.name in wanted]


SLOW_SECONDS = 50.0
"""What a cell whose single requests take many seconds adds: three rounds and a first request of at least that."""
EXTRA_SECONDS = 150.0
"""Claims and targets of a run that is not quick."""


def make_plan(rows: Sequence[str], scenarios: Sequence[str], quick: bool, minutes: float, rounds: int | None) -> Plan:
    """The cells asked for, or the quick or the full set, in the time given.

    Raises:
        ValueError: a name that is in neither table, or nothing to measure.
    """
    _known(rows, [row.name for row in ROWS], "row")
    _known(scenarios, [scenario.name for scenario in SCENARIOS], "scenario")
    chosen_rows = [row for row in ROWS if row.name in (rows or (QUICK if quick else [r.name for r in ROWS]))]
    chosen = [
        scenario for scenario in SCENARIOS if (scenario.name in scenarios if scenarios else scenario.quick or not quick)
    ]
    asked = [
        (scenario, row)
        for scenario in chosen
        for row in chosen_rows
        if not scenario.rows or row.name in scenario.rows or (scenarios and rows)
        if not (quick and row.name in scenario.too_slow)
    ]
    cells = tuple((scenario, row) for scenario, row in asked if not scenario.senseless(row))
    left_out = {f"{scenario.name}/{row.name}": why for scenario, row in asked if (why := scenario.senseless(row))}
    if not cells:
        reasons = "; ".join(f"{cell}: {why}" for cell, why in left_out.items())
        raise ValueError(f"Nothing to measure: {reasons or 'none of these rows is meant for these scenarios'}.")
    count = rounds or (3 if quick else 5)
    extras = not quick and not rows and not scenarios
    probe = Plan(cells, count, 0, 0, extras)
    seconds = (minutes * 60 - probe.estimate) / (len(cells) * count)
    return Plan(cells, count, max(1, min(10, round(seconds))), 4.0 if quick else 40.0, extras, left_out)


def _known(names: Sequence[str], there: Sequence[str], kind: str) -> None:
    if unknown := [name for name in names if name not in there]:
        raise ValueError(f"There is no {kind} named {', '.join(unknown)}; there are {', '.join(there)}.")
