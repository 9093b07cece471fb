"""What a share can be, judged again and again while the counts grow: bounds that hold at all times at once.

A usual 95 % interval holds for one look. Who looks after each request and stops at the first bad one sees something bad
in every version sooner or later. These bounds are a confidence sequence: the chance that they miss the true share at
any time, ever, is at most ``alpha``. Source: Robbins, "Statistical methods related to the law of the iterated
logarithm" (1970), with the uniform mixture; used for online experiments as mSPRT by Johari, Pekelis and Walsh, "Always
valid inference" (2015). Chosen over alpha spending and group tests since these need a number of looks that is known
beforehand, and traffic is not.

A unit may count in part, like a batch of which 0.7 is right: by convexity the same bounds hold for any values between 0
and 1 of one mean.
"""

import math

_HALVINGS = 40


def bounds(successes: float, trials: float, alpha: float) -> tuple[float, float]:
    """The smallest and the largest share that ``successes`` of ``trials`` leave possible; 0 and 1 without any trial."""
    return lowest(successes, trials, alpha), 1 - lowest(trials - successes, trials, alpha)


def lowest(successes: float, trials: float, alpha: float) -> float:
    """The smallest share of ``bounds`` alone."""
    if trials <= 0:
        return 0.0
    failures = trials - successes
    mixture = math.lgamma(successes + 1) + math.lgamma(failures + 1) - math.lgamma(trials + 2)
    floor = mixture + math.log(alpha)
    if _log_likelihood(successes, failures, 0.0) >= floor:
        return 0.0
    outside, inside = 0.0, successes / trials
    for _ in range(_HALVINGS):
        middle = (outside + inside) / 2
        if _log_likelihood(successes, failures, middle) >= floor:
            inside = middle
        else:
            outside = middle
    return outside  # on the cautious side


def detectable(trials: float, limit: float, alpha: float) -> float:
    """The share that would have been seen to be above ``limit`` in so many trials, rounded up; 1 where none would."""
    low, high = limit, 1.0
    for _ in range(10):
        middle = (low + high) / 2
        if lowest(middle * trials, trials, alpha) > limit:
            high = middle
        else:
            low = middle
    return high


def _log_likelihood(successes: float, failures: float, share: float) -> float:
    if (successes > 0 and share <= 0) or (failures > 0 and share >= 1):
        return -math.inf
    found = successes * math.log(share) if successes > 0 else 0.0
    return found + (failures * math.log1p(-share) if failures > 0 else 0.0)
