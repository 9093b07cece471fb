"""From rounds to statements: medians, spread, and whether two targets differ at all."""

import math
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


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times as much ``a`` is as ``b``, with a 95% interval; ``significant`` where that leaves out 1."""

    ratio: float
    low: float
    high: float
    rounds: int

    @property
    def significant(self) -> bool:
        """False with fewer than FEWEST rounds."""
        return self.rounds >= FEWEST and not self.low <= 1.0 <= self.high

    def __str__(self) -> str:
        if self.rounds < FEWEST:
            return f"{figure(self.ratio)}x (too few rounds to tell)"
        verdict = "" if self.significant else ", no significant difference"
        return f"{figure(self.ratio)}x ({figure(self.low)} to {figure(self.high)}{verdict})"


def ratio(a: Sequence[float], b: Sequence[float]) -> Ratio | None:
    """Paired by round, since the rounds alternate: the t interval of the mean log ratio; None where nothing pairs."""
    pairs = [(x, y) for x, y in zip(a, b, strict=False) if x > 0 and y > 0]
    if not pairs:
        return None
    logs = [math.log(x / y) for x, y in pairs]
    count, mean = len(logs), sum(logs) / len(logs)
    if count < 2:
        return Ratio(math.exp(mean), 0.0, math.inf, count)
    error = math.sqrt(sum((x - mean) ** 2 for x in logs) / (count - 1) / count)
    reach = float(student.ppf((1 + CONFIDENCE) / 2, count - 1)) * error
    return Ratio(math.exp(mean), math.exp(mean - reach), math.exp(mean + reach), count)


def welch(a: Sequence[float], b: Sequence[float]) -> bool:
    """Whether two samples that are not paired differ at 95%: Welch's t test of the logarithms."""
    logs = [[math.log(value) for value in sample if value > 0] for sample in (a, b)]
    return min(map(len, logs)) > 1 and bool(ttest_ind(*logs, equal_var=False).pvalue < 1 - CONFIDENCE)


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
