"""Simulated rollouts: the real verdicts on drawn traffic of which it is known what is wrong with it."""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from tqdm import tqdm

from inference.rollout.judgement import Quality, judge, judge_errors, least_agreement, level
from inference.rollout.tally import Limits, Tally
from service.models.rollout.observer import ROW_TIME_EDGES

STEPS, HOLD_LOOKS, PATIENCE_LOOKS, MIN_REQUESTS = (0.05, 0.25, 0.5, 1.0), 5, 30, 200
REQUESTS_A_LOOK = 1000
ACCURACY, OUTCOMES = 0.95, 0.3
_ROW_SECONDS, _SPREAD = 40e-6, 0.35


@dataclass(frozen=True, slots=True)
class Case:
    """A version: ``errors`` and ``refused`` shares of its requests, its time by stable's, its share of right answers.

    ``outcomes``: the share of the requests of which the outcome becomes known. ``is_worse``: it is beyond a limit.
    """

    name: str
    is_worse: bool
    errors: float = 0.001
    refused: float = 0.02
    time: float = 1.0
    accuracy: float = ACCURACY
    agreement: float = 0.98
    outcomes: float = OUTCOMES


CASES = (
    Case("the same as stable, outcomes known", False),
    Case("the same as stable, no outcomes", False, outcomes=0.0),
    Case("1.3 times as slow, half a percent of errors, as right", False, errors=0.005, time=1.3),
    Case("2 % of errors (limit 1 %)", True, errors=0.02),
    Case("5 % of errors", True, errors=0.05),
    Case("refuses 5 % where stable refuses 2 %", True, refused=0.05),
    Case("refuses 20 % where stable refuses 2 %", True, refused=0.2),
    Case("1.8 times as slow (limit 1.5)", True, time=1.8),
    Case("3 times as slow", True, time=3.0),
    Case("accuracy 0.92 (limit 0.931)", True, accuracy=0.92),
    Case("accuracy 0.85", True, accuracy=0.85),
    Case("agrees on 0.85 (limit 0.881), no outcomes", True, agreement=0.85, outcomes=0.0),
    Case("agrees on 0.5, no outcomes", True, agreement=0.5, outcomes=0.0),
)
STABLE = Case("stable", False)


@dataclass
class Found:
    """How the rollouts of a case ended. ``requests``: to the version, until it went back (median)."""

    name: str
    is_worse: bool
    arrived: int
    went_back: int
    undecided: int
    requests: float | None
    reasons: dict[str, int]


def run(rollouts: int, seed: int) -> list[dict[str, object]]:
    """Every case, so many times."""
    draw, found = np.random.default_rng(seed), []
    with tqdm(total=len(CASES) * rollouts, file=sys.stderr) as bar:
        for case in CASES:
            ends: Counter[str] = Counter()
            reasons: Counter[str] = Counter()
            spent = []
            for _ in range(rollouts):
                end, reason, requests = _rollout(case, draw)
                ends[end] += 1
                if end == "went back":
                    reasons[reason] += 1
                    spent.append(requests)
                bar.update()
            ended = (ends["arrived"], ends["went back"], ends["undecided"])
            typical = float(np.median(spent)) if spent else None
            found.append(asdict(Found(case.name, case.is_worse, *ended, typical, dict(reasons))))
    return found


def report(rollouts: int, found: Sequence[Mapping[str, object]]) -> str:
    """The table."""
    lines = [
        "# How often a rollout errs",
        "",
        f"`python -m benchmarks.rollouts simulate`: {rollouts} simulated rollouts of each version, by the verdicts of",
        f"the service itself. {REQUESTS_A_LOOK} requests a look, {HOLD_LOOKS} looks a step at least, {PATIENCE_LOOKS}",
        f"more at most, steps 5, 25, 50 and 100 %, at least {MIN_REQUESTS} requests a step, the limits of the command.",
        f"The stable version has 0.1 % of errors, refuses 2 %, and is right on {ACCURACY:.0%}. The outcomes of",
        f"{OUTCOMES:.0%} of the requests are known, unless the case says otherwise.",
        "",
        "| version | should | arrives | goes back | too little to tell | its requests until it went back (median) |",
        "|---|---|---|---|---|---|",
    ]
    for one in found:
        shares = (f"{int(str(one[name])) / rollouts:.1%}" for name in ("arrived", "went_back", "undecided"))
        spent = "-" if one["requests"] is None else f"{one['requests']:.0f}"
        should = "go back" if one["is_worse"] else "arrive"
        lines.append(f"| {one['name']} | {should} | {' | '.join(shares)} | {spent} |")
    return "\n".join(lines) + "\n"


def _rollout(case: Case, draw: np.random.Generator) -> tuple[str, str, float]:
    """How one rollout ends, which measure decided, and how many requests the version had."""
    alpha, limits, spent = level(len(STEPS)), Limits(), 0.0
    quality = Quality(least_agreement("classification", ACCURACY, limits.accuracy_ratio))
    before = Tally()
    for share in STEPS:
        stable, canary = Tally(), Tally()
        for look in range(1, HOLD_LOOKS + PATIENCE_LOOKS + 1):
            to_canary = int(draw.binomial(REQUESTS_A_LOOK, share))
            _add(canary, case, to_canary, draw)
            _add(stable, STABLE if case.outcomes else _without_outcomes(), REQUESTS_A_LOOK - to_canary, draw)
            if not case.outcomes:
                canary.compared += to_canary
                canary.agreed += int(draw.binomial(to_canary, case.agreement))
            measures = judge(stable, canary, limits, alpha, ROW_TIME_EDGES, quality, 50)
            if share >= 1:
                measures[0] = judge_errors(before, canary, limits.error_rate, alpha)
            worse = [measure.name for measure in measures if measure.verdict == "worse"]
            if worse:
                return "went back", worse[0], spent + canary.requests
            is_clear = all(measure.verdict != "unclear" for measure in measures)
            if look >= HOLD_LOOKS and canary.requests >= MIN_REQUESTS and (is_clear or share >= 1):
                break
        else:
            return "undecided", "", spent
        spent, before = spent + canary.requests, stable
    return "arrived", "", spent


def _without_outcomes() -> Case:
    return Case("stable", False, outcomes=0.0)


def _add(tally: Tally, case: Case, requests: int, draw: np.random.Generator) -> None:
    tally.requests += requests
    tally.errors += int(draw.binomial(requests, case.errors))
    tally.refused += int(draw.binomial(requests, case.refused))
    known = int(draw.binomial(requests, case.outcomes))
    tally.outcomes += known
    tally.right += int(draw.binomial(known, case.accuracy))
    ones = int(draw.binomial(requests, 0.4))
    for label, count in (("1", ones), ("0", requests - ones)):
        tally.answers[label] = tally.answers.get(label, 0.0) + count
    times = _ROW_SECONDS * case.time * np.exp(_SPREAD * draw.standard_normal(requests))
    counts = np.bincount(np.searchsorted(ROW_TIME_EDGES, times), minlength=len(ROW_TIME_EDGES) + 1)
    tally.add_row_times(("worker", "1"), counts.astype(float).tolist())
