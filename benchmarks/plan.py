"""What a run measures, and how long each measurement lasts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.scenarios import SCENARIOS, Scenario
from benchmarks.targets import QUICK, TARGETS, Target

START_SECONDS, BETWEEN_SECONDS = 4.0, 0.9
"""Seconds to start a server, and between two measurements."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Cells (a scenario and a target), rounds, seconds of one measurement, and why cells were left out."""

    cells: tuple[tuple[Scenario, Target], ...]
    rounds: int
    seconds: int
    patience: float
    extras: bool
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def estimate(self) -> float:
        """Seconds of the whole run, hypotheses and goals included."""
        servers = {(target.name, scenario.workers) for scenario, target in self.cells}
        cells = len(self.cells) * self.rounds * (self.seconds + BETWEEN_SECONDS)
        cells += sum(SLOW_SECONDS for scenario, target in self.cells if target.name in scenario.too_slow)
        return cells + len(servers) * START_SECONDS + (EXTRA_SECONDS if self.extras else 15)

    def targets(self, workers: int) -> list[Target]:
        """The targets that are needed with so many workers."""
        wanted = {target.name for scenario, target in self.cells if scenario.workers == workers}
        return [target for target in TARGETS if target.name in wanted]


SLOW_SECONDS = 50.0
"""What a cell whose single requests take many seconds adds: three rounds and a first request."""
EXTRA_SECONDS = 150.0
"""For the hypotheses and goals of a run that is not quick."""


def make_plan(
    targets: Sequence[str], scenarios: Sequence[str], quick: bool, minutes: float, rounds: int | None
) -> Plan:
    """The named cells, else the quick or the full set, in the time given.

    Raises:
        ValueError: a name that is in neither table, or nothing to measure.
    """
    _check_names(targets, [target.name for target in TARGETS], "target")
    _check_names(scenarios, [scenario.name for scenario in SCENARIOS], "scenario")
    names = targets or (QUICK if quick else [target.name for target in TARGETS])
    chosen_targets = [target for target in TARGETS if target.name in names]
    chosen = [
        scenario for scenario in SCENARIOS if (scenario.name in scenarios if scenarios else scenario.quick or not quick)
    ]
    wanted = [
        (scenario, target)
        for scenario in chosen
        for target in chosen_targets
        if _meant_for(scenario, target) or (scenarios and targets)
        if not (quick and target.name in scenario.too_slow)
    ]
    cells = tuple((scenario, target) for scenario, target in wanted if not scenario.inapplicable(target))
    left_out = {
        f"{scenario.name}/{target.name}": reason
        for scenario, target in wanted
        if (reason := scenario.inapplicable(target))
    }
    if not cells:
        reasons = "; ".join(f"{cell}: {reason}" for cell, reason in left_out.items())
        raise ValueError(f"Nothing to measure: {reasons or 'none of these targets is meant for these scenarios'}.")
    count = rounds or (3 if quick else 5)
    extras = not quick and not targets and not scenarios
    probe = Plan(cells, count, 0, 0, extras)
    seconds = (minutes * 60 - probe.estimate) / (len(cells) * count)
    return Plan(cells, count, max(1, min(10, round(seconds))), 4.0 if quick else 40.0, extras, left_out)


def _meant_for(scenario: Scenario, target: Target) -> bool:
    return target.name in scenario.targets or (not scenario.targets and not target.identity)


def _check_names(names: Sequence[str], known: Sequence[str], kind: str) -> None:
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"There is no {kind} named {', '.join(unknown)}; there are {', '.join(known)}.")
