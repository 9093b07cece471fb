"""The plots of the page, and which figures of a run each shows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

from matplotlib.ticker import NullFormatter

from benchmarks.report.drawing import Figure, finish, ranking
from benchmarks.report.summary import lines
from benchmarks.results import GRID, Run

FAMILY = {"flask": "#1b6ac9", "fastapi": "#d9730d", "peer": "#7a6f9b", "ceiling": "#9aa0a6"}
OWN = {
    "ours": "#0b4f9e",
    "tuned": "#d9730d",
    "fastapi_design": "#b3261e",
    "plain": "#b9a44c",
    "flask_gthread": "#4aa3df",
}
MARKS = "os^vDPX*<>"


@dataclass(frozen=True, slots=True)
class Plot:
    """A caption, a note below it, and the picture."""

    title: str
    note: str
    svg: str


def plots(run: Run) -> list[Plot]:
    """Those that the run has figures for."""
    return [plot for build in PLOTS for plot in build(run)]


def throughput_plot(run: Run) -> str | None:
    """The picture of the requests a second alone, as a document of its own; None where the run has none."""
    found = next(_throughput(run), None)
    return None if found is None else found.svg


def _throughput(run: Run) -> Iterator[Plot]:
    shown = [line for line in lines(run) if line.one_row and line.family != "ceiling"]
    if shown:
        values = [run.values("one_row", line.target) for line in shown]
        labels, colours = [line.title for line in shown], [FAMILY[line.family] for line in shown]
        note = "Median of the rounds, whiskers from the smallest to the largest. The bare apps are in the table."
        yield Plot("One row a request: requests a second", note, ranking(labels, values, colours, "requests/s"))


def _batches(run: Run) -> Iterator[Plot]:
    sizes = {"one_row": 1, "batch_10": 10, "batch_100": 100, "batch_1000": 1000, "batch_10000": 10_000}
    drawn = {
        target: [(size, rate * size) for name, size in sizes.items() if (rate := run.median(name, target))]
        for target in run.targets
    }
    drawn = {
        target: points
        for target, points in drawn.items()
        if len(points) > 1 and run.targets[target]["family"] != "ceiling"
    }
    engine = run.facts.get("engine", {}).get("onnx", {})
    if not drawn:
        return
    with Figure(3.9) as (axes, picture):
        for target, points in drawn.items():
            mark = MARKS[list(drawn).index(target) % len(MARKS)]
            style = {"marker": mark, **_style(run, target)}
            axes.loglog(*zip(*points, strict=True), **style)
        if engine:
            ready = [(int(size), int(size) / seconds) for size, seconds in engine.items()]
            axes.loglog(*zip(*ready, strict=True), "k--", linewidth=1, label="the engine alone, in process")
        finish(axes, "rows in a request", "rows/s")
        yield Plot("Rows a second by size of batch", "Both axes are logarithmic.", picture())


def _percentiles(run: Run) -> Iterator[Plot]:
    targets = run.targets_of("open_70")
    if not targets:
        return
    with Figure(3.9) as (axes, picture):
        for target in targets:
            curves = [m.latency for m in run.cell("open_70", target)]
            shares = [share for share in GRID if share < 1]
            middle = [median(curve[place] for curve in curves) for place in range(len(shares))]
            axes.plot([1 / (1 - s) for s in shares], middle, **_style(run, target))
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xticks([1, 2, 10, 100, 1000], ["0", "50", "90", "99", "99.9"])
        axes.xaxis.set_minor_formatter(NullFormatter())
        finish(axes, "percentile", "ms")
        note = "Open loop at 70% of each target's own ceiling, counted from the time a request was due."
        yield Plot("Latency by percentile", note, picture())


def _offered(run: Run) -> Iterator[Plot]:
    drawn = {}
    for target in run.targets:
        points = []
        for name in ("open_50", "open_70", "open_90"):
            p99 = run.latency(name, target, 0.99)
            if p99:
                points.append((run.median(name, target, "offered"), median(p99)))
        if len(points) > 1:
            drawn[target] = points
    if drawn:
        with Figure(3.9) as (axes, picture):
            for target, found in drawn.items():
                axes.loglog(*zip(*found, strict=True), marker="o", **_style(run, target))
            finish(axes, "offered requests/s", "p99, ms")
            yield Plot("99th percentile against offered load", "At 50, 70 and 90% of each target's ceiling.", picture())


def _memory(run: Run) -> Iterator[Plot]:
    shown = sorted((line for line in lines(run) if line.memory), key=lambda line: line.memory or 0)
    if shown:
        values = [run.values("one_row", line.target, "pss_mib") or [line.memory or 0] for line in shown]
        svg = ranking([line.title for line in shown], values, [FAMILY[line.family] for line in shown], "MiB")
        yield Plot("Memory, one worker", "Proportional set sizes of all its processes, summed.", svg)


def _cost(run: Run) -> Iterator[Plot]:
    shown = [line for line in lines(run) if line.cpu_million and line.family != "ceiling"]
    shown.sort(key=lambda line: line.cpu_million or 0)
    if shown:
        values = [[line.cpu_million or 0] for line in shown]
        svg = ranking([line.title for line in shown], values, [FAMILY[line.family] for line in shown], "CPU seconds")
        yield Plot(
            "CPU time of a million predictions, one a request", "CPU seconds of the server; less is better.", svg
        )


PLOTS: tuple[Callable[[Run], Iterator[Plot]], ...] = (_throughput, _batches, _percentiles, _offered, _cost, _memory)


def _style(run: Run, target: str) -> dict[str, Any]:
    facts = run.targets[target]
    return {"color": OWN.get(target, FAMILY[facts["family"]]), "label": facts["title"]}
