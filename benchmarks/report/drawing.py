"""How a plot is drawn: SVG with its text left as text, sharp on a phone and in print, readable by a screen reader."""

import io
from collections.abc import Callable
from statistics import median
from typing import Any

import matplotlib as mpl

mpl.use("svg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

from benchmarks.statistics import figure

STYLE: Any = {
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
WIDTH = 5.2
"""Inches; narrow, so that the text stays readable where the picture is scaled to a phone."""


class Figure:
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


def bars(labels: list[str], values: list[list[float]], colours: list[str], unit: str) -> str:
    """Horizontal bars, each with its label above it: long names need no margin that a phone has not."""
    with Figure(0.5 * len(labels) + 0.7) as (axes, picture):
        middles = [median(found) for found in values]
        reach = [
            [m - min(v) for m, v in zip(middles, values, strict=True)],
            [max(v) - m for m, v in zip(middles, values, strict=True)],
        ]
        places = list(range(len(labels)))[::-1]
        whiskers = {"linewidth": 0.9}
        axes.barh(places, middles, xerr=reach, height=0.36, color=colours, ecolor="#333", capsize=2, error_kw=whiskers)
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


def finish(axes: Axes, across: str, up: str) -> None:
    """Names of the axes, numbers as the tables write them, and the legend above."""
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    for axis in (axes.yaxis, *((axes.xaxis,) if across != "percentile" else ())):
        axis.set_major_formatter(FuncFormatter(lambda value, _: figure(value)))
        axis.set_minor_formatter(NullFormatter())
    axes.figure.legend(loc="outside upper left", fontsize=8.5, ncols=1, frameon=False)
