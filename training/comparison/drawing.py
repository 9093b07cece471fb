"""The plots of a comparison as SVG: they take their colours from the page, so they follow its light and dark scheme."""

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from inference.performance import Calibration

WIDTH, HEIGHT = 360, 260
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 12, 44
MOST_POINTS = 600
MOST_LABELS = 12
Series = Sequence[tuple[float, float]]


class Plot:
    """Axes from 0 or a least value to a largest one, to which marks are added."""

    def __init__(self, xlabel: str, ylabel: str, x: tuple[float, float], y: tuple[float, float], said: str) -> None:
        """``said``: what the plot shows, for those who do not see it."""
        self._x, self._y, self._said = x, y, said
        self._marks: list[str] = []
        for value in _ticks(*x):
            self._text(self.x(value), HEIGHT - BOTTOM + 16, _short(value), "middle")
        for value in _ticks(*y):
            self._marks.append(f'<path class="grid" d="M{LEFT} {self.y(value):.1f}H{WIDTH - RIGHT}"/>')
            self._text(LEFT - 6, self.y(value) + 4, _short(value), "end")
        self._text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, xlabel, "middle", "axis")
        middle = (TOP + HEIGHT - BOTTOM) / 2
        self._marks.append(
            f'<text class="axis" text-anchor="middle" transform="translate(14 {middle:.0f}) rotate(-90)">'
            f"{escape(ylabel)}</text>"
        )

    def x(self, value: float) -> float:
        """The place of a value from the left."""
        low, high = self._x
        return LEFT + (value - low) / ((high - low) or 1) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        """The place of a value from the top."""
        low, high = self._y
        return HEIGHT - BOTTOM - (value - low) / ((high - low) or 1) * (HEIGHT - TOP - BOTTOM)

    def line(self, points: Series, kind: str, *, dots: bool = False) -> None:
        """A line through the points; ``kind`` is a class of the page's style."""
        path = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)
        self._marks.append(f'<polyline class="{kind}" points="{path}"/>')
        if dots:
            self.dots(points, kind)

    def dots(self, points: Series, kind: str, radius: float = 3.5) -> None:
        """A dot at each point."""
        self._marks += [
            f'<circle class="{kind}" cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="{radius}"/>' for x, y in points
        ]

    def bar(self, left: float, right: float, height: float, kind: str) -> None:
        """A bar from 0 up."""
        top, wide = self.y(height), max(self.x(right) - self.x(left) - 1, 1)
        self._marks.append(
            f'<rect class="{kind}" x="{self.x(left):.1f}" y="{top:.1f}" width="{wide:.1f}" '
            f'height="{self.y(self._y[0]) - top:.1f}"/>'
        )

    def _text(self, x: float, y: float, text: str, anchor: str, kind: str = "tick") -> None:
        self._marks.append(f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>')

    def svg(self) -> str:
        """The whole plot."""
        return _svg(WIDTH, HEIGHT, self._said, "".join(self._marks))


def calibration(sides: Sequence[Calibration]) -> str:
    """How often the predicted class was right against its probability, of A and of B."""
    errors = ", ".join(f"{name} {side.expected_error:.3f}" for name, side in zip("AB", sides, strict=True))
    least = min(one.mean_probability for side in sides for one in side.bins)
    low = 0.0 if least < 0.5 else 0.5
    plot = Plot(
        "probability of the predicted class",
        "share that was right",
        (low, 1.0),
        (min(low, *(one.accuracy for side in sides for one in side.bins)), 1.0),
        f"Calibration; expected error: {errors}",
    )
    plot.line([(low, low), (1.0, 1.0)], "even")
    for side, kind in zip(sides, ("a", "b"), strict=True):
        plot.line([(one.mean_probability, one.accuracy) for one in side.bins], kind, dots=True)
    return plot.svg()


def histogram(values: NDArray[np.float64], label: str) -> str:
    """How many rows have a distance of which size."""
    highest = float(values.max()) or 1.0
    counts, edges = np.histogram(values, bins=20, range=(0.0, highest))
    shares = counts / len(values)
    said = f"Histogram: {label}; the median is {np.median(values):.3g}, the largest {values.max():.3g}"
    plot = Plot(label, "share of the rows", (0.0, highest), (0.0, float(shares.max())), said)
    for share, left, right in zip(shares, edges[:-1], edges[1:], strict=True):
        plot.bar(float(left), float(right), float(share), "both")
    return plot.svg()


def scatter(first: NDArray[np.float64], second: NDArray[np.float64]) -> str:
    """The number that B predicts against that of A."""
    keep = np.unique(np.linspace(0, len(first) - 1, min(len(first), MOST_POINTS)).astype(int))
    low = float(min(first.min(), second.min()))
    high = float(max(first.max(), second.max(), low + 1e-9))
    said = f"What B predicts against what A predicts, {len(keep)} rows"
    plot = Plot("predicted by A", "predicted by B", (low, high), (low, high), said)
    plot.line([(low, low), (high, high)], "even")
    plot.dots(list(zip(first[keep].tolist(), second[keep].tolist(), strict=True)), "both", 2.0)
    return plot.svg()


def bars(values: Sequence[tuple[str, float]], unit: str) -> str:
    """A bar for each value of A and B, with its number; ``values`` by turns of A and B."""
    highest = max(value for _, value in values) or 1.0
    step, left = 34, 118
    marks = []
    for place, (name, value) in enumerate(values):
        top = 8 + place * step
        wide = value / highest * (WIDTH - left - 74)
        marks.append(f'<text class="tick" x="{left - 8}" y="{top + 16}" text-anchor="end">{escape(name)}</text>')
        marks.append(f'<rect class="{"ab"[place % 2]}" x="{left}" y="{top}" width="{max(wide, 1):.1f}" height="22"/>')
        marks.append(
            f'<text class="tick" x="{left + wide + 6:.1f}" y="{top + 16}">{_short(value)} {escape(unit)}</text>'
        )
    said = "; ".join(f"{name}: {_short(value)} {unit}" for name, value in values)
    return _svg(WIDTH, 16 + step * len(values), said, "".join(marks))


def _svg(width: int, height: int, said: str, marks: str) -> str:
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(said, quote=True)}">{marks}</svg>'


def _ticks(low: float, high: float) -> list[float]:
    """Four to seven round values within a range."""
    span = (high - low) or 1.0
    power = 10.0 ** np.floor(np.log10(span / 4))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if span / (power * factor) <= 6)
    first = np.ceil(low / step - 1e-9) * step
    return [float(value) for value in np.arange(first, high + step * 1e-6, step)]


def _short(value: float) -> str:
    """A number as people write it on an axis."""
    if abs(value) < 1e-12:
        return "0"
    if abs(value) >= 1e5:
        for factor, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
            if abs(value) >= factor:
                return f"{value / factor:.3g}{unit}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
