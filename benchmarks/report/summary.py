"""The figures of each target: the first table of the page, and the table for the README."""

from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.results import Run
from benchmarks.statistics import figure, spread


@dataclass(frozen=True, slots=True)
class Line:
    """One row's figures; None where it was not measured."""

    target: str
    title: str
    family: str
    one_row: float | None
    one_row_spread: float
    batch_rows: float | None
    p50: float | None
    p99: float | None
    memory: float | None
    cpu_million: float | None
    bad: int


def lines(run: Run) -> list[Line]:
    """Every target that was measured at all, the fastest first."""
    found = [_line(run, target) for target in run.targets if any(m.target == target for m in run.measurements)]
    return sorted(found, key=lambda line: -(line.one_row or 0))


def cpu_million(run: Run, scenario: str, target: str) -> float | None:
    """CPU seconds of the server for a million predictions, the median of the rounds."""
    cell = [m for m in run.cell(scenario, target) if m.requests]
    costs = [m.server_cpu / (m.requests * m.rows_per_request) * 1e6 for m in cell]
    return median(costs) if costs else None


def markdown(run: Run, path: Path) -> str:
    """The README's table, with where and how it was measured."""
    head = "| server | one row, requests/s (spread) | batches of 100, rows/s | p50 / p99 at 70% of its ceiling, ms"
    head += " | memory, MiB | CPU seconds a million rows | bad |"
    body = [
        f"| {line.title} | {_rate(line)} | {_or_dash(line.batch_rows)} | {_or_dash(line.p50)} / {_or_dash(line.p99)} "
        f"| {_or_dash(line.memory)} | {_or_dash(line.cpu_million)} | {line.bad} |"
        for line in lines(run)
    ]
    machine, plan = run.environment, run.plan
    cores = machine["cores"]
    where = (
        f"{machine['cpu']}, {len(cores) if isinstance(cores, list) else cores} cores, Linux {machine['kernel']}, "
        f"Python {machine['python']}; server on one core, client on another, keep-alive, 16 connections; medians of "
        f"{plan['rounds']} alternating rounds of {plan['seconds']} s; model {plan['artifact']['version']}. "
        f"Raw results: `{path.name}`."
    )
    return "\n".join([head, "|---|" + "---:|" * 6, *body, "", where])


def _line(run: Run, target: str) -> Line:
    facts = run.targets[target]
    rates = run.values("one_row", target)
    batch = None if facts["family"] == "ceiling" else run.median("batch_100", target)  # constant bytes predict nothing
    scenarios = dict.fromkeys(m.scenario for m in run.measurements if m.target == target)
    memory = run.median("one_row", target, "pss_mib") or run.median(next(iter(scenarios)), target, "pss_mib")
    p50, p99 = (run.latency("open_70", target, share) for share in (0.5, 0.99))
    return Line(
        target,
        facts["title"],
        facts["family"],
        median(rates) if rates else None,
        spread(rates) if rates else 0.0,
        None if batch is None else batch * 100,
        median(p50) if p50 else None,
        median(p99) if p99 else None,
        memory,
        cpu_million(run, "one_row", target),
        sum(run.bad(scenario, target) for scenario in scenarios),
    )


def _rate(line: Line) -> str:
    return "-" if line.one_row is None else f"{figure(line.one_row)} ({line.one_row_spread:.0%})"


def _or_dash(value: float | None) -> str:
    return "-" if value is None else figure(value)
