"""Whether the new version's median time a row is more than so many times the stable version's.

Like is compared with like: requests of one worker and of one size. In each such group the stable version's median gives
a limit, and it is counted how many of the new version's requests are above it; more than half of them would be, if its
median were. Counts of different groups then add up, whatever their times are.
"""

from collections.abc import Sequence
from itertools import accumulate

from inference.rollout.sequential import lowest
from inference.rollout.tally import RowTimes


def above_limit(
    stable: RowTimes, canary: RowTimes, edges: Sequence[float], ratio: float, alpha: float | None
) -> tuple[float, float]:
    """How many of the canary's requests took more than ``ratio`` times stable's median, and of how many.

    ``edges``: the upper bounds of the buckets; the last bucket has none. With ``alpha`` stable's median is taken as the
    largest that it can be at this level; None takes it as it was measured. Groups in which it cannot be told are left
    out.
    """
    groups = stable.keys() & canary.keys()
    above = total = 0.0
    for group in groups:
        level = None if alpha is None else alpha / len(groups)
        if (median := _median(stable[group], edges, level)) is None:
            continue
        lower = (0.0, *edges)
        above += sum(count for edge, count in zip(lower, canary[group], strict=True) if edge >= ratio * median)
        total += sum(canary[group])
    return above, total


def median_ratio(stable: RowTimes, canary: RowTimes, edges: Sequence[float]) -> float | None:
    """The canary's median by stable's: the mean over the groups, by the canary's requests; None without a group."""
    ratios: list[tuple[float, float]] = []
    for group in stable.keys() & canary.keys():
        before, after = _median(stable[group], edges, None), _median(canary[group], edges, None)
        if before is not None and after is not None:
            ratios.append((after / before, sum(canary[group])))
    total = sum(weight for _, weight in ratios)
    return sum(ratio * weight for ratio, weight in ratios) / total if total else None


def _median(counts: Sequence[float], edges: Sequence[float], alpha: float | None) -> float | None:
    """As measured: within its bucket by proportion. With ``alpha``: the upper edge below which half surely lies."""
    total, below = sum(counts), 0.0
    if not total:
        return None
    for place, (edge, cumulative) in enumerate(zip(edges, accumulate(counts), strict=False)):
        if alpha is not None and 2 * cumulative > total and lowest(cumulative, total, alpha) >= 0.5:
            return edge
        if alpha is None and 2 * cumulative >= total:
            low = edges[place - 1] if place else 0.0
            return low + (edge - low) * (total / 2 - below) / counts[place]
        below = cumulative
    return None
