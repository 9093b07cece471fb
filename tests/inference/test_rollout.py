"""The judgement of a rollout: bounds that hold at every look, verdicts, and what cannot be told."""

import random

import pytest

from inference.rollout.judgement import Quality, judge_errors, judge_latency, judge_predictions, judge_quality, level
from inference.rollout.latency import median_ratio
from inference.rollout.sequential import bounds, detectable
from inference.rollout.tally import Tally

EDGES = tuple(10 ** (power / 20) for power in range(-120, 1))
ALPHA = level(4)


def _times(seconds, requests, spread=1.3, seed=1):
    """Requests in each bucket, of times around ``seconds``."""
    draw, counts = random.Random(seed), [0.0] * (len(EDGES) + 1)
    for _ in range(requests):
        time = seconds * spread ** draw.gauss(0, 1)
        counts[sum(edge < time for edge in EDGES)] += 1
    return counts


def test_bounds_hold_the_share_and_close_in_on_it():
    widths = []
    for trials in (10, 100, 1000, 10_000):
        low, high = bounds(0.1 * trials, trials, 0.05)
        assert low < 0.1 < high
        widths.append(high - low)
    assert widths == sorted(widths, reverse=True) and widths[-1] < 0.03


@pytest.mark.parametrize(("successes", "trials", "low", "high"), [(0, 0, 0, 1), (0, 50, 0, None), (50, 50, None, 1)])
def test_bounds_at_the_edges(successes, trials, low, high):
    found = bounds(successes, trials, 0.05)
    assert low is None or found[0] == low
    assert high is None or found[1] == high


def test_looking_after_each_request_raises_no_more_false_alarms_than_promised():
    draw, alarms = random.Random(7), 0
    for _ in range(200):
        errors = 0
        for trial in range(1, 301):
            errors += draw.random() < 0.1
            if bounds(errors, trial, 0.1)[0] > 0.1:
                alarms += 1
                break
    assert alarms <= 20


def test_what_would_have_been_seen_becomes_smaller_with_more_requests():
    seen = [detectable(trials, 0.01, ALPHA) for trials in (50, 200, 2000, 20_000)]
    assert seen == sorted(seen, reverse=True)
    assert seen[-1] < 0.02
    for trials, share in zip((200, 2000), seen[1:3], strict=True):
        assert bounds(share * trials, trials, ALPHA)[0] >= 0.01


@pytest.mark.parametrize(
    ("errors", "requests", "verdict"),
    [(0, 200, "within"), (2, 200, "within"), (4, 200, "unclear"), (20, 200, "worse"), (5, 5, "worse")],
)
def test_errors_of_the_version_itself(errors, requests, verdict):
    found = judge_errors(Tally(requests=1000), Tally(requests=requests, errors=errors), 0.01, ALPHA)
    assert found.verdict == verdict


def test_without_a_request_nothing_can_be_told():
    assert judge_errors(Tally(requests=1000), Tally(), 0.01, ALPHA).verdict == "unclear"


def test_refused_rows_count_beyond_those_that_stable_refuses_too():
    stable = Tally(requests=4000, refused=400)
    assert judge_errors(stable, Tally(requests=200, refused=20), 0.01, ALPHA).verdict == "within"
    worse = judge_errors(stable, Tally(requests=200, refused=100), 0.01, ALPHA)
    assert worse.verdict == "worse"
    assert "50.0%" in worse.text and "10.0%" in worse.text


def test_requests_without_an_answer_are_errors():
    assert judge_errors(Tally(requests=100), Tally(requests=30, lost=10), 0.01, ALPHA).verdict == "worse"


@pytest.mark.parametrize(("ratio", "verdict"), [(0.5, "within"), (1.0, "within"), (1.3, "within"), (3.0, "worse")])
def test_latency_is_compared_within_each_worker_and_size(ratio, verdict):
    stable = Tally(row_times={("a", "1"): _times(30e-6, 2000), ("b", "1"): _times(300e-6, 2000)})
    canary = Tally(row_times={("a", "1"): _times(30e-6 * ratio, 200), ("b", "1"): _times(300e-6 * ratio, 200)})
    found = judge_latency(stable, canary, 1.5, ALPHA, EDGES)
    assert found.verdict == verdict


def test_a_version_that_happens_to_be_asked_by_slow_workers_only_is_not_slow():
    stable = Tally(row_times={("a", "1"): _times(30e-6, 5000), ("b", "1"): _times(300e-6, 300)})
    canary = Tally(row_times={("b", "1"): _times(300e-6, 300)})
    assert judge_latency(stable, canary, 1.5, ALPHA, EDGES).verdict == "within"
    assert 0.8 < median_ratio(stable.row_times, canary.row_times, EDGES) < 1.25


def test_latency_is_not_judged_where_no_size_was_timed_on_both():
    stable, canary = Tally(row_times={("a", "1"): _times(1e-4, 9)}), Tally(row_times={("a", "100+"): _times(1e-4, 9)})
    assert judge_latency(stable, canary, 1.5, ALPHA, EDGES).verdict == "not judged"


@pytest.mark.parametrize(("right", "verdict"), [(190, "within"), (184, "unclear"), (120, "worse")])
def test_accuracy_decides_where_outcomes_are_known(right, verdict):
    stable, canary = Tally(right=1900, outcomes=2000), Tally(right=right, outcomes=200, agreed=0, compared=200)
    found = judge_quality(stable, canary, 0.98, ALPHA, Quality(0.9), 50)
    assert (found.name, found.verdict) == ("accuracy", verdict)


@pytest.mark.parametrize(
    ("agreed", "compared", "verdict"),
    [(196, 200, "within"), (170, 200, "unclear"), (60, 200, "worse"), (9, 9, "unclear")],
)
def test_agreement_decides_where_no_outcome_is_known(agreed, compared, verdict):
    found = judge_quality(Tally(), Tally(agreed=agreed, compared=compared), 0.98, ALPHA, Quality(0.93), 50)
    assert (found.name, found.verdict) == ("agreement", verdict)


def test_what_cannot_be_known_is_not_judged_and_what_is_not_known_yet_is_waited_for():
    known = judge_quality(Tally(), Tally(), 0.98, ALPHA, Quality(reason="RECORDS is off"), 50)
    pending = judge_quality(Tally(), Tally(), 0.98, ALPHA, Quality(reason="it is away", pending=True), 50)
    assert (known.verdict, pending.verdict) == ("not judged", "unclear")
    assert "RECORDS is off" in known.text


def test_predictions_of_another_distribution_are_worse_and_a_small_difference_is_not():
    stable = Tally(answers={"0": 2500.0, "1": 2500.0})
    assert judge_predictions(stable, Tally(answers={"0": 95.0, "1": 105.0}), ALPHA).verdict == "within"
    assert judge_predictions(stable, Tally(answers={"0": 200.0}), ALPHA).verdict == "worse"
    assert judge_predictions(stable, Tally(answers={"0": 3.0}), ALPHA).verdict == "within"
    assert judge_predictions(Tally(), Tally(), ALPHA).verdict == "not judged"
