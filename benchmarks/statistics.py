"""From rounds to statements: medians, spread, and whether two targets differ at all."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from scipy.stats import t as student
from scipy.stats import ttest_ind

CONFIDENCE = 0.95
FEWEST = 3
"""Rounds: an interval from two points says nothing."""
NOISY_SPREAD = 0.15
"""(largest - smallest) / median of a target's rounds: from here on the machine was too noisy for reliable numbers."""
MOST_LOG = 700.0
"""From here on an exponential is infinite."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times the median of ``b`` the median of ``a`` is, with a 95% interval.

    The one way in which the lab compares: the ratio is that of the two medians which a page prints beside it. The
    interval is a t interval of mean log ratios, stretched where need be to hold the ratio of the medians.
    """

    ratio: float
    low: float
    high: float
    rounds: int

    @property
    def significant(self) -> bool:
        """Whether the interval leaves out 1; False with fewer than FEWEST rounds."""
        return self.rounds >= FEWEST and not self.low <= 1.0 <= self.high

    def at_least(self, goal: float) -> bool | None:
        """Whether the ratio reaches ``goal``; None where the interval holds it, so that nobody can tell."""
        if self.rounds < FEWEST or self.low < goal <= self.high:
            return None
        return self.low >= goal

    def __str__(self) -> str:
        if self.rounds < FEWEST:
            return f"{figure(self.ratio)}x (cannot tell: too few rounds)"
        verdict = "" if self.significant else ", cannot tell"
        return f"{figure(self.ratio)}x ({figure(self.low)} to {figure(self.high)}{verdict})"


def ratio(a: Sequence[float], b: Sequence[float]) -> Ratio | None:
    """Paired by round, since the rounds of one run alternate; None where nothing pairs."""
    pairs = [(x, y) for x, y in zip(a, b, strict=False) if x > 0 and y > 0]
    if not pairs:
        return None
    middle = median(x for x, _ in pairs) / median(y for _, y in pairs)
    logs = [math.log(x / y) for x, y in pairs]
    count, mean = len(logs), sum(logs) / len(logs)
    if count < 2:
        return Ratio(middle, 0.0, math.inf, count)
    error = math.sqrt(sum((x - mean) ** 2 for x in logs) / (count - 1) / count)
    reach = float(student.ppf((1 + CONFIDENCE) / 2, count - 1)) * error
    return _around(middle, mean - reach, mean + reach, count)


def unpaired_ratio(a: Sequence[float], b: Sequence[float]) -> Ratio | None:
    """Of two runs, whose rounds have nothing to do with each other: Welch's interval in the place of the paired one."""
    kept = [[value for value in sample if value > 0] for sample in (a, b)]
    if not all(kept):
        return None
    middle, count = median(kept[0]) / median(kept[1]), min(map(len, kept))
    if count < 2:
        return Ratio(middle, 0.0, math.inf, count)
    logs = [[math.log(value) for value in sample] for sample in kept]
    if all(len(set(sample)) == 1 for sample in logs):
        return Ratio(middle, middle, middle, count)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of samples that are nearly constant
        found = ttest_ind(*logs, equal_var=False).confidence_interval(CONFIDENCE)
    if math.isnan(found.low):
        return Ratio(middle, middle, middle, count)
    return _around(middle, float(found.low), float(found.high), count)


def _around(middle: float, low: float, high: float, count: int) -> Ratio:
    """An interval of logarithms, stretched to hold the ratio of the medians."""
    return Ratio(middle, min(middle, _exp(low)), max(middle, _exp(high)), count)


def _exp(value: float) -> float:
    return math.exp(value) if value < MOST_LOG else math.inf


def spread(values: Sequence[float]) -> float:
    """(largest - smallest) / median."""
    middle = median(values)
    return (max(values) - min(values)) / middle if middle else 0.0


def percentile(ordered: Sequence[float], share: float) -> float:
    """Of ascending values; the smallest that at least ``share`` of them do not exceed."""
    return ordered[max(0, min(len(ordered), math.ceil(share * len(ordered))) - 1)] if ordered else math.nan


def figure(value: float) -> str:
    """Three significant figures, with a space between thousands."""
    if not math.isfinite(value):
        return "-"
    if abs(value) >= 1000:
        return f"{round(value, 2 - math.floor(math.log10(abs(value)))):,.0f}".replace(",", " ")
    return f"{value:.3g}"
