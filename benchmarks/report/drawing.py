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
FAR = 25
"""From this ratio of the largest to the smallest on, bars say nothing of the small ones."""
WIDTH = 4.6
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


def ranking(labels: list[str], values: list[list[float]], colours: list[str], unit: str) -> str:
    """One line a row with its median and whiskers to the extremes; the label stands above, a phone has no margin.

    Bars from nought, or dots on a logarithmic axis where the medians lie too far apart for bars to show the small ones.
    """
    with Figure(0.46 * len(labels) + 0.75) as (axes, picture):
        middles = [median(found) for found in values]
        low, high = [min(found) for found in values], [max(found) for found in values]
        reach = [
            [m - v for m, v in zip(middles, low, strict=True)],
            [v - m for m, v in zip(middles, high, strict=True)],
        ]
        places = list(range(len(labels)))[::-1]
        far = max(middles) > FAR * min(middles) > 0
        if far:
            axes.set_xscale("log")
            start, end = min(low) / 1.5, max(high)
            axes.set_xlim(start, end * (end / start) ** 0.2)
            axes.hlines(places, start, middles, colors=colours, linewidth=1.2, alpha=0.35)
            axes.scatter(middles, places, c=colours, s=34, zorder=3)
        else:
            axes.set_xlim(0, max(high) * 1.2)
            axes.barh(places, middles, height=0.36, color=colours)
            axes.locator_params(axis="x", nbins=5)
        if any(map(any, reach)):
            axes.errorbar(middles, places, xerr=reach, fmt="none", ecolor="#333", capsize=2, elinewidth=0.9, zorder=4)
        for place, label, middle, end in zip(places, labels, middles, high, strict=True):
            axes.text(0, place + 0.22, label, va="bottom", fontsize=10, transform=axes.get_yaxis_transform())
            axes.annotate(figure(middle), (end, place), (7, 0), textcoords="offset points", va="center", fontsize=10)
        axes.set_yticks([])
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)
        axes.set_ylim(-0.5, len(labels) - 0.2)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: figure(value)))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel(f"{unit} (logarithmic)" if far else unit)
        return picture()


def finish(axes: Axes, across: str, up: str) -> None:
    """Names of the axes, numbers as the tables write them, and the legend above."""
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    for axis in (axes.yaxis, *((axes.xaxis,) if across != "percentile" else ())):
        axis.set_major_formatter(FuncFormatter(lambda value, _: figure(value)))
        axis.set_minor_formatter(NullFormatter())
    axes.figure.legend(loc="outside upper left", fontsize=9.5, ncols=1, frameon=False)
