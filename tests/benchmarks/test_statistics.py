import math
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.statistics import Ratio, figure, percentile, ratio, spread, unpaired_ratio

RATES = st.lists(st.floats(1, 1e6), min_size=3, max_size=9)


def test_targets_that_differ_by_less_than_their_rounds_do_not_differ():
    found = ratio([100, 120, 90, 105, 95], [101, 99, 104, 100, 98])
    assert not found.significant
    assert "cannot tell" in str(found)


def test_a_steady_difference_is_significant_even_where_the_machine_drifts():
    drifting = [100, 80, 60, 90, 70]
    found = ratio(
        [rate * 1.1 * wobble for rate, wobble in zip(drifting, (1, 1.01, 0.99, 1, 1.01), strict=True)], drifting
    )
    assert found.significant
    assert found.ratio == pytest.approx(1.1, rel=0.01)
    assert not unpaired_ratio(drifting, [rate * 1.1 for rate in drifting]).significant  # unpaired, the drift hides it


@given(RATES)
def test_a_target_does_not_differ_from_itself(rates):
    assert not ratio(rates, rates).significant


@given(RATES, st.floats(0.1, 10))
def test_the_ratio_turned_round_is_its_inverse(rates, times):
    other = [rate * times for rate in rates]
    assert ratio(rates, other).ratio * ratio(other, rates).ratio == pytest.approx(1)


@given(RATES, RATES)
def test_a_ratio_is_that_of_the_medians_that_are_printed_beside_it(a, b):
    for compared in (ratio, unpaired_ratio):
        count = min(len(a), len(b))
        found = compared(a[:count], b[:count])
        assert found.ratio == pytest.approx(median(a[:count]) / median(b[:count]))
        assert found.low <= found.ratio <= found.high


def test_one_round_that_went_wrong_does_not_make_equal_medians_differ():
    found = ratio([2.81, 2.6, 11.9, 3.0, 2.7], [2.73, 2.5, 2.8, 2.9, 2.6])
    assert found.ratio == pytest.approx(2.81 / 2.73)
    assert not found.significant


@pytest.mark.parametrize(("goal", "reached"), [(0.5, True), (0.9, True), (1.0, None), (1.1, None), (1.2, False)])
def test_a_goal_inside_the_interval_is_neither_reached_nor_missed(goal, reached):
    assert Ratio(1.0, 0.9, 1.1, 5).at_least(goal) is reached
    assert Ratio(1.0, 0.9, 1.1, 2).at_least(goal) is None


@pytest.mark.parametrize("rounds", [1, 2])
def test_two_rounds_say_nothing(rounds):
    found = ratio([200.0] * rounds, [100.0] * rounds)
    assert not found.significant
    assert "too few rounds" in str(found)


def test_without_a_round_in_common_there_is_no_ratio():
    assert ratio([], [1.0]) is None
    assert ratio([0.0], [1.0]) is None


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 1))
def test_a_percentile_is_a_measured_value_that_enough_others_do_not_exceed(values, share):
    ordered = sorted(values)
    found = percentile(ordered, share)
    assert found in ordered
    assert sum(value <= found for value in ordered) >= share * len(ordered) - 1e-9


def test_spread_is_seen_from_the_median():
    assert spread([90, 100, 120]) == pytest.approx(0.3)
    assert spread([0.0, 0.0]) == 0
    assert median([90, 100, 120]) == 100


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.01234, "0.0123"), (7.0, "7"), (999.4, "999"), (1234.0, "1 230"), (45_678.0, "45 700"), (math.inf, "-")],
)
def test_figures_have_three_digits_that_count(value, text):
    assert figure(value) == text
