"""The verdicts of one step: what the counts say about the new version, and what they cannot say yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from inference.rollout.latency import above_limit, median_ratio
from inference.rollout.sequential import bounds, detectable
from inference.rollout.tally import Limits, Tally

Verdict = Literal["worse", "unclear", "within", "not judged"]
"""``worse`` is proven. ``unclear`` looks worse, or too little is known yet. ``not judged`` will not be known."""
FALSE_ALARMS = 0.05
"""The chance, at most, that a version within all limits goes back, over all steps and measures of a rollout."""
MEASURES = 4
MIN_OUTCOMES = 50
"""Requests with a known outcome, of each version, from which on accuracy is judged in the place of agreement."""
SHIFTED = 0.2
"""A PSI of the predictions from which on they are another distribution (see ``inference.drift``)."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One verdict and the sentence that explains it."""

    name: str
    verdict: Verdict
    text: str


@dataclass(frozen=True, slots=True)
class Quality:
    """What is known beside the counts: ``least_agreement`` of two versions that are both right often enough.

    ``reason`` says why agreement and outcomes cannot be known, and is empty where they can be. ``pending``: they will
    be, but not now.
    """

    least_agreement: float = 0.0
    reason: str = ""
    pending: bool = False


def level(steps: int) -> float:
    """The chance of a false alarm that each verdict of a step may have, of a rollout in so many steps."""
    return FALSE_ALARMS / (MEASURES * steps)


def judge(
    stable: Tally, canary: Tally, limits: Limits, alpha: float, edges: Sequence[float], quality: Quality, least: float
) -> list[Measure]:
    """Every verdict. ``edges``: buckets of the engine's time. ``least``: requests to compare before one passes."""
    return [
        judge_errors(stable, canary, limits.error_rate, alpha),
        judge_latency(stable, canary, limits.latency_ratio, alpha, edges),
        judge_quality(stable, canary, limits.accuracy_ratio, alpha, quality, least),
        judge_predictions(stable, canary, alpha),
    ]


def judge_errors(stable: Tally, canary: Tally, limit: float, alpha: float) -> Measure:
    """5xx of the canary, and the share of its requests that it refuses with 422 beyond the share of stable's."""
    part, total, errors = alpha / 3, canary.requests, canary.errors + canary.lost
    if not total:
        return Measure("errors", "unclear", "errors: no request yet")
    failed, _ = bounds(errors, total, part)
    refused = bounds(canary.refused, total, part)[0] - bounds(stable.refused, stable.requests, part)[1]
    usual = stable.refused / stable.requests if stable.requests else 0.0
    rate = errors / total + max(0.0, canary.refused / total - usual)
    verdict: Verdict = "worse" if failed + max(0.0, refused) > limit else "within" if rate <= limit else "unclear"
    text = f"errors {rate:.2%} of {total:.0f} requests (limit {limit:.2%}"
    text += f"; {detectable(total, limit, part):.1%} would have been seen)" if verdict == "within" else ")"
    if verdict != "within":
        text += f": {canary.errors:.0f} ended in 5xx, {canary.lost:.0f} without an answer; refused with 422 are "
        text += f"{canary.refused / total:.1%}, and {usual:.1%} of the stable version's"
    return Measure("errors", verdict, text)


def judge_latency(stable: Tally, canary: Tally, limit: float, alpha: float, edges: Sequence[float]) -> Measure:
    """The engine's median time a row."""
    ratio = median_ratio(stable.row_times, canary.row_times, edges)
    if ratio is None:
        return Measure("latency", "not judged", "latency: no request of one size was timed on both versions")
    above, total = above_limit(stable.row_times, canary.row_times, edges, limit, alpha / 2)
    is_slow = bounds(above, total, alpha / 2)[0] > 0.5
    seems, of = above_limit(stable.row_times, canary.row_times, edges, limit, None)
    verdict: Verdict = "worse" if is_slow else "unclear" if 2 * seems > of else "within"
    return Measure("latency", verdict, f"latency: the median time a row is {ratio:.2f} of stable's (limit {limit:g})")


def judge_quality(stable: Tally, canary: Tally, ratio: float, alpha: float, quality: Quality, least: float) -> Measure:
    """Accuracy where outcomes are known of both versions, else how often the two agree."""
    known = min(stable.outcomes, canary.outcomes)
    if known > 0:
        best = bounds(canary.right, canary.outcomes, alpha / 2)[1]
        needed = ratio * bounds(stable.right, stable.outcomes, alpha / 2)[0]
        mine, theirs = canary.right / canary.outcomes, stable.right / stable.outcomes
        text = f"accuracy {mine:.4f} on {canary.outcomes:.0f} outcomes, stable {theirs:.4f} on {stable.outcomes:.0f}"
        text += f" (limit {ratio:g} of it)"
        if best < needed:
            return Measure("accuracy", "worse", text)
        if known >= MIN_OUTCOMES:
            return Measure("accuracy", "within" if mine >= ratio * theirs else "unclear", text)
    if quality.reason:
        verdict: Verdict = "unclear" if quality.pending else "not judged"
        return Measure("agreement", verdict, f"accuracy and agreement: {quality.reason}")
    share = canary.agreed / canary.compared if canary.compared else 0.0
    text = f"agreement with stable {share:.1%} of {canary.compared:.0f} requests"
    text += f" (limit {quality.least_agreement:.1%}; no outcomes are known)"
    if bounds(canary.agreed, canary.compared, alpha)[1] < quality.least_agreement:
        return Measure("agreement", "worse", text)
    enough = canary.compared >= least and share >= quality.least_agreement
    return Measure("agreement", "within" if enough else "unclear", text)


def judge_predictions(stable: Tally, canary: Tally, alpha: float) -> Measure:
    """The shares of the predicted classes; where outcomes are known they say more, so this is judged without them."""
    classes = sorted(stable.answers.keys() | canary.answers.keys())
    totals = sum(stable.answers.values()), sum(canary.answers.values())
    if min(stable.outcomes, canary.outcomes) >= MIN_OUTCOMES:
        return Measure("predictions", "not judged", "predictions: their outcomes are known")
    if not classes or not all(totals):
        return Measure("predictions", "not judged", "predictions: no classes were predicted by both versions")
    part, apart = alpha / (2 * len(classes)), False
    for name in classes:
        mine = bounds(canary.answers.get(name, 0.0), totals[1], part)
        theirs = bounds(stable.answers.get(name, 0.0), totals[0], part)
        apart = apart or mine[0] > theirs[1] or mine[1] < theirs[0]
    index = _stability([[tally.answers.get(name, 0.0) for name in classes] for tally in (stable, canary)])
    text = f"predictions: PSI {index:.3f} between the versions (limit {SHIFTED:g})"
    return Measure("predictions", "worse" if apart and index >= SHIFTED else "within", text)


def _stability(histograms: list[list[float]]) -> float:
    import numpy as np

    from inference.drift import stability_index

    return stability_index(np.array(histograms[0]), np.array(histograms[1]))


def least_agreement(task: str, accuracy: float | None, ratio: float) -> float:
    """How often two versions agree at least, of which one is as good as at training and the other good enough.

    Classification: both are right together on at least the sum of their accuracies less one. A regression "agrees"
    within four times stable's RMSE; by Chebyshev's inequality all but ((1 + 1 / ratio) / 4)^2 of the rows do.
    """
    if task != "classification":
        return 1 - ((1 + 1 / ratio) / 4) ** 2
    return 0.0 if accuracy is None else max(0.0, accuracy * (1 + ratio) - 1)
