"""The plots of a model card, each as SVG to put into the page."""

import functools
import io
import warnings
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve
from sklearn.metrics import roc_curve

P = ParamSpec("P")
MOST_CURVES = 10
MOST_POINTS = 800
MOST_BARS = 20
BLUE, GREY = "#2f6db3", "#8a8f98"
STYLE: Any = {
    "font.size": 10,
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "none",  # text stays text: smaller, and searchable
    "svg.hashsalt": "model-card",
    "text.parse_math": False,  # a column may be named $a$
}


def _styled(draw: Callable[P, str]) -> Callable[P, str]:
    @functools.wraps(draw)
    def drawn(*arguments: P.args, **named: P.kwargs) -> str:
        with mpl.rc_context(STYLE):
            return draw(*arguments, **named)

    return drawn


@_styled
def confusion(counts: Sequence[Sequence[int]], names: Sequence[str]) -> str:
    """Rows are the truth, columns the prediction."""
    matrix = np.array(counts)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    names = _short(names)
    size = max(4.0, min(11.0, 0.3 * len(names) + 3))
    figure, axes = _axes(size, size)
    axes.pcolormesh(shares, cmap="Blues", vmin=0, vmax=1, edgecolors="#e7eaee", linewidth=0.5)
    axes.invert_yaxis()
    axes.set_aspect("equal")
    places = np.arange(len(names)) + 0.5
    crowded = len(names) > 4 or max(map(len, names)) > 8
    small = 10 if len(names) <= 15 else 7
    axes.set_xticks(places, names, rotation=90 if crowded else 0, fontsize=small)
    axes.set_yticks(places, names, fontsize=small)
    axes.set(xlabel="predicted", ylabel="true")
    for row, column in np.ndindex(matrix.shape) if len(names) <= 15 else ():
        colour = "white" if shares[row, column] > 0.5 else "#222222"
        axes.text(
            column + 0.5, row + 0.5, f"{matrix[row, column]:,}", ha="center", va="center", color=colour, fontsize=9
        )
    return _svg(figure)


@_styled
def roc(truth: NDArray[np.int64], probabilities: NDArray[np.float64], names: Sequence[str]) -> str:
    """One curve of the second of two classes; of more, one a class against the rest."""
    figure, axes = _axes()
    names = _short(names)
    shown = [1] if len(names) == 2 else range(min(len(names), MOST_CURVES))
    for place in shown:
        false, true, _ = roc_curve(truth == place, probabilities[:, place])
        keep = np.unique(np.linspace(0, len(false) - 1, min(len(false), MOST_POINTS)).astype(int))
        axes.plot(false[keep], true[keep], label=names[place], lw=1.6)
    _diagonal(axes)
    axes.set(xlabel="false positive rate", ylabel="true positive rate")
    axes.legend(frameon=False, fontsize=9, title="class")
    return _svg(figure)


@_styled
def calibration(truth: NDArray[np.int64], probabilities: NDArray[np.float64]) -> str:
    """How often the predicted class was right, against the probability it was given."""
    chosen = probabilities.argmax(axis=1)
    figure, axes = _axes()
    given = probabilities[np.arange(len(chosen)), chosen]
    found, predicted = calibration_curve(chosen == truth, given, n_bins=10, strategy="quantile")
    axes.plot(predicted, found, marker="o", color=BLUE, lw=1.6)
    _diagonal(axes)
    axes.set(xlabel="probability of the predicted class", ylabel="share that was right")
    return _svg(figure)


@_styled
def importances(names: Sequence[str], means: NDArray[np.float64], deviations: NDArray[np.float64], unit: str) -> str:
    """What is lost when a column is shuffled."""
    order = np.argsort(means)[-MOST_BARS:]
    figure, axes = _axes(4.8, max(3.0, 0.3 * len(order) + 1.0))
    axes.barh(np.arange(len(order)), means[order], xerr=deviations[order], color=BLUE, ecolor=GREY)
    axes.set_yticks(np.arange(len(order)), _short([names[place] for place in order], 30))
    axes.set(xlabel=f"{unit} lost when shuffled")
    return _svg(figure)


@_styled
def residuals(truth: NDArray[np.float64], guess: NDArray[np.float64]) -> str:
    """Truth minus prediction against the prediction."""
    keep = np.unique(np.linspace(0, len(truth) - 1, min(len(truth), MOST_POINTS)).astype(int))
    figure, axes = _axes()
    axes.scatter(guess[keep], (truth - guess)[keep], s=12, alpha=0.5, color=BLUE, linewidths=0)
    axes.axhline(0, color=GREY, lw=1)
    axes.set(xlabel="predicted", ylabel="truth minus prediction")
    return _svg(figure)


def _short(names: Sequence[str], most: int = 22) -> list[str]:
    """Names that leave room for the plot; of a long one both ends, since either may tell it from the others."""
    end = most // 2
    return [name if len(name) <= most else f"{name[: most - end - 1]}…{name[-end:]}" for name in names]


def _axes(width: float = 4.8, height: float = 4.0) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def _diagonal(axes: Axes) -> None:
    axes.axline((0, 0), slope=1, color=GREY, lw=1, ls="--")


def _svg(figure: Figure) -> str:
    page: Any = io.StringIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # the browser's fonts draw the text, and have more of them
        figure.savefig(page, format="svg", metadata={"Date": None})
    text: str = page.getvalue()
    return text[text.index("<svg") :]
