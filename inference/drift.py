"""Drift: whether live values still come from the distribution of the training data.

The measure is the population stability index over the bins of reference.json, PSI = sum((q - p) * ln(q / p)) (Siddiqi,
Credit Risk Scorecards, 2006; below 0.1 stable, from 0.2 on shifted). On small samples or many bins PSI is large by
chance alone. So an alarm also needs a two-sample chi-squared test on the same bins, by which chance does not explain
the difference.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

WATCH, ALARM = 0.1, 0.2
SIGNIFICANCE = 0.001
MIN_EXPECTED = 5.0
"""Bins with fewer expected live rows are tested as one: the chi-squared distribution does not hold for them."""

Verdict = Literal["stable", "watch", "alarm", "too few rows", "not recorded"]
Counts = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Distribution:
    """One entry of reference.json: how a feature, or the prediction, was distributed.

    Numbers: bin i holds ``[edges[i - 1], edges[i])``, the first and the last are open. Texts are numbers too: their
    lengths in characters. Otherwise bin i holds ``categories[i]``.
    """

    type: str
    edges: tuple[float, ...] | None
    categories: tuple[Any, ...] | None
    counts: tuple[int, ...]
    nulls: int

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> "Distribution":
        """Read an entry of reference.json."""
        edges, categories = entry["edges"], entry["categories"]
        return cls(
            entry["type"],
            None if edges is None else tuple(edges),
            None if categories is None else tuple(categories),
            tuple(entry["counts"]),
            entry["nulls"],
        )

    @property
    def names(self) -> list[str]:
        """A name for each bin, then for nulls, then for values that training never saw."""
        if self.edges is None:
            bins = [str(category) for category in self.categories or ()]
        elif not self.edges:
            bins = ["all"]
        else:
            texts = [f"{edge:.3g}" for edge in self.edges]
            between = [low if low == high else f"{low} – {high}" for low, high in itertools.pairwise(texts)]
            bins = [f"< {texts[0]}", *between, f"≥ {texts[-1]}"]
        if self.type == "text":
            bins = [f"{name} characters" for name in bins]
        return [*bins, "null", "unseen"]

    @property
    def reference(self) -> Counts:
        """Training rows in each bin, in the order of ``names``."""
        return np.array([*self.counts, self.nulls, 0], dtype=np.float64)

    def tally(self, values: Sequence[Any]) -> Counts:
        """How many of ``values``, JSON values with None for null, fall into each bin of ``names``."""
        width = len(self.counts)
        if self.type == "text":
            values = [None if value is None else len(value) for value in values]
        if self.edges is not None:
            numbers = np.array(values, dtype=np.float64)
            bins = np.searchsorted(self.edges, numbers, side="right")
            bins[np.isnan(numbers)] = width
        else:
            index: dict[Any, int] = {category: number for number, category in enumerate(self.categories or ())}
            index[None] = width
            bins = np.array([index.get(value, width + 1) for value in values], dtype=np.int64)
        return np.bincount(bins, minlength=width + 2).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Drift:
    """The drift of one feature. ``psi`` and ``p_value`` are None where there were too few rows to judge.

    ``reference`` and ``live`` count the rows in each of ``bins``; bins that are empty in both are left out.
    """

    name: str
    verdict: Verdict
    psi: float | None
    p_value: float | None
    bins: list[str]
    reference: list[int]
    live: list[int]


def compare(name: str, trained: Distribution, values: Sequence[Any] | None, minimum: int) -> Drift:
    """Judge the live ``values`` of one feature; None means not recorded. Fewer than ``minimum`` are not judged."""
    before, after = trained.reference, trained.tally(values or ())
    filled = (before + after) > 0
    bins = [text for text, has_rows in zip(trained.names, filled, strict=True) if has_rows]
    before, after = before[filled], after[filled]
    counted = ([int(count) for count in before], [int(count) for count in after])
    if values is None or len(values) < minimum or not before.sum():
        return Drift(name, "not recorded" if values is None else "too few rows", None, None, bins, *counted)
    psi, p_value = stability_index(before, after), chance(before, after)
    verdict: Verdict = "stable"
    if psi >= WATCH and p_value < SIGNIFICANCE:
        verdict = "alarm" if psi >= ALARM else "watch"
    return Drift(name, verdict, psi, p_value, bins, *counted)


def stability_index(before: Counts, after: Counts) -> float:
    """PSI of two histograms; half a row is added to each bin, since an empty one would make it infinite."""
    p = (before + 0.5) / (before.sum() + 0.5 * len(before))
    q = (after + 0.5) / (after.sum() + 0.5 * len(after))
    return float(np.sum((q - p) * np.log(q / p)))


def chance(before: Counts, after: Counts) -> float:
    """The p-value of the two-sample chi-squared test: how often samples of one distribution differ this much."""
    share = after.sum() / (before.sum() + after.sum())
    rare = (before + after) * share < MIN_EXPECTED
    pooled = np.array([before, after])
    if rare.any():
        pooled = np.column_stack([pooled[:, ~rare], pooled[:, rare].sum(axis=1)])
    expected = np.outer(pooled.sum(axis=1), pooled.sum(axis=0)) / pooled.sum()
    difference = np.divide((pooled - expected) ** 2, expected, out=np.zeros_like(expected), where=expected > 0)
    return chi_squared_tail(float(difference.sum()), pooled.shape[1] - 1)


def chi_squared_tail(statistic: float, freedom: int) -> float:
    """P(X > statistic) for chi-squared with ``freedom`` degrees: the finite sums of Abramowitz and Stegun 26.4.4-5."""
    if freedom < 1 or statistic <= 0:
        return 1.0
    half = statistic / 2
    odd = freedom % 2
    total = math.erfc(math.sqrt(half)) if odd else 0.0
    for step in range(freedom // 2):
        power = step + odd / 2
        total += math.exp(power * math.log(half) - half - math.lgamma(power + 1))
    return min(1.0, total)
