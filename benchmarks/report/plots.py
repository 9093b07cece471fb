"""The plots, as SVG with its text left as text: sharp on a phone and in print, readable by a screen reader."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median

import matplotlib as mpl

mpl.use("svg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

from benchmarks.lab import GRID
from benchmarks.report.summary import lines
from benchmarks.results import Run
from benchmarks.statistics import figure

STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "load lab",
    "font.family": "sans-serif",
    "font.size": 10.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
}
FAMILY = {"flask": "#1b6ac9", "fastapi": "#d9730d", "peer": "#7a6f9b", "ceiling": "#9aa0a6"}
OWN = {"ours": "#0b4f9e", "tuned": "#d9730d", "as_designed": "#b3261e", "plain": "#b9a44c", "flask_gthread": "#4aa3df"}
MARKS = "os^vDPX*<>"
WIDTH = 5.2
"""Inches; narrow, so that the text stays readable where the picture is scaled to a phone."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A caption, what it says without eyes, and the picture."""

    title: str
    note: str
    svg: str


def plots(run: Run) -> list[Plot]:
    """Those that the run has figures for."""
    return [plot for build in PLOTS for plot in build(run)]


def _throughput(run: Run) -> Iterator[Plot]:
    shown = [line for line in lines(run) if line.one_row and line.family != "ceiling"]
    if shown:
        values = [run.values("one_row", line.row) for line in shown]
        labels, colours = [line.title for line in shown], [FAMILY[line.family] for line in shown]
        note = "Median of the rounds, whiskers from the smallest to the largest. The bare apps are in the table."
        yield Plot("One row a request: requests a second", note, _bars(labels, values, colours, "requests/s"))


def _batches(run: Run) -> Iterator[Plot]:
    sizes = {"one_row": 1, "batch_10": 10, "batch_100": 100, "batch_1000": 1000, "batch_10000": 10_000}
    drawn = {
        row: [(size, rate * size) for name, size in sizes.items() if (rate := run.median(name, row))]
        for row in run.rows
    }
    drawn = {row: points for row, points in drawn.items() if len(points) > 1 and run.rows[row]["family"] != "ceiling"}
    engine = run.facts.get("engine", {}).get("onnx", {})
    if not drawn:
        return
    with _Figure(3.9) as (axes, picture):
        for row, points in drawn.items():
            mark = MARKS[list(drawn).index(row) % len(MARKS)]
            axes.loglog(*zip(*points, strict=True), marker=mark, color=_colour(run, row), label=run.rows[row]["title"])
        if engine:
            ready = [(int(size), int(size) / seconds) for size, seconds in engine.items()]
            axes.loglog(*zip(*ready, strict=True), "k--", linewidth=1, label="the engine alone, in process")
        _finish(axes, "rows in a request", "rows/s")
        yield Plot("Rows a second by size of batch", "Both axes are logarithmic.", picture())


def _percentiles(run: Run) -> Iterator[Plot]:
    rows = run.rows_of("open_70")
    if not rows:
        return
    with _Figure(3.9) as (axes, picture):
        for row in rows:
            curves = [m["latency"] for m in run.measurements if (m["scenario"], m["row"]) == ("open_70", row)]
            shares = [share for share in GRID if share < 1]
            middle = [median(curve[place] for curve in curves) for place in range(len(shares))]
            axes.plot([1 / (1 - s) for s in shares], middle, color=_colour(run, row), label=run.rows[row]["title"])
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xticks([1, 2, 10, 100, 1000], ["0", "50", "90", "99", "99.9"])
        axes.xaxis.set_minor_formatter(NullFormatter())
        _finish(axes, "percentile", "ms")
        note = "Open loop at 70% of each row's own ceiling, from the instant a request was due."
        yield Plot("Latency by percentile", note, picture())


def _offered(run: Run) -> Iterator[Plot]:
    drawn = {}
    for row in run.rows:
        points = []
        for name in ("open_50", "open_70", "open_90"):
            p99 = run.latency(name, row, 0.99)
            if p99:
                points.append((run.median(name, row, "offered"), median(p99)))
        if len(points) > 1:
            drawn[row] = points
    if drawn:
        with _Figure(3.9) as (axes, picture):
            for row, found in drawn.items():
                axes.loglog(
                    *zip(*found, strict=True), marker="o", color=_colour(run, row), label=run.rows[row]["title"]
                )
            _finish(axes, "offered requests/s", "p99, ms")
            yield Plot("99th percentile against offered load", "At 50, 70 and 90% of each row's ceiling.", picture())


def _memory(run: Run) -> Iterator[Plot]:
    shown = [line for line in lines(run) if line.memory]
    if shown:
        values = [run.values("one_row", line.row, "pss_mib") or [line.memory or 0] for line in shown]
        svg = _bars([line.title for line in shown], values, [FAMILY[line.family] for line in shown], "MiB")
        yield Plot("Memory, one worker", "Proportional set sizes of all its processes, summed.", svg)


def _cost(run: Run) -> Iterator[Plot]:
    shown = [line for line in lines(run) if line.cpu_million and line.family != "ceiling"]
    if shown:
        values = [[line.cpu_million or 0] for line in shown]
        svg = _bars([line.title for line in shown], values, [FAMILY[line.family] for line in shown], "CPU seconds")
        yield Plot("What a million predictions cost, one a request", "CPU seconds of the server; less is better.", svg)


PLOTS: tuple[Callable[[Run], Iterator[Plot]], ...] = (_throughput, _batches, _percentiles, _offered, _cost, _memory)


class _Figure:
    """A figure with one set of axes; the second value draws it."""

    def __init__(self, height: float) -> None:
        self._height = height

    def __enter__(self) -> tuple[Axes, Callable[[], str]]:
        with mpl.rc_context(STYLE):
            self._made, axes = plt.subplots(figsize=(WIDTH, self._height), layout="constrained")
        return axes, self._draw

    def __exit__(self, *_: object) -> None:
        plt.close(self._made)

    def _draw(self) -> str:
        with mpl.rc_context(STYLE):
            text = io.StringIO()
            self._made.savefig(text, format="svg", metadata={"Date": None})
        svg = text.getvalue()
        return svg[svg.index("<svg") :]


def _bars(labels: list[str], values: list[list[float]], colours: list[str], unit: str) -> str:
    """Horizontal bars, each with its label above it: long names need no margin that a phone has not."""
    with _Figure(0.5 * len(labels) + 0.7) as (axes, picture):
        middles = [median(found) for found in values]
        reach = [
            [m - min(v) for m, v in zip(middles, values, strict=True)],
            [max(v) - m for m, v in zip(middles, values, strict=True)],
        ]
        places = list(range(len(labels)))[::-1]
        bars = {"height": 0.36, "color": colours, "ecolor": "#333", "capsize": 2, "error_kw": {"linewidth": 0.9}}
        axes.barh(places, middles, xerr=reach, **bars)
        for place, label, middle, high in zip(places, labels, middles, reach[1], strict=True):
            axes.text(0, place + 0.24, label, va="bottom", fontsize=9.5)
            axes.annotate(
                figure(middle), (middle + high, place), (5, 0), textcoords="offset points", va="center", fontsize=9.5
            )
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.set_ylim(-0.5, len(labels) - 0.2)
        axes.set_xlim(0, max(m + h for m, h in zip(middles, reach[1], strict=True)) * 1.15)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: figure(value)))
        axes.locator_params(axis="x", nbins=5)
        axes.set_xlabel(unit)
        return picture()


def _finish(axes: Axes, across: str, up: str) -> None:
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    for axis in (axes.yaxis, *((axes.xaxis,) if across != "percentile" else ())):
        axis.set_major_formatter(FuncFormatter(lambda value, _: figure(value)))
        axis.set_minor_formatter(NullFormatter())
    axes.figure.legend(loc="outside upper left", fontsize=8.5, ncols=1, frameon=False)


def _colour(run: Run, row: str) -> str:
    return OWN.get(row, FAMILY[run.rows[row]["family"]])
