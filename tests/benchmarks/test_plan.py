import pytest

from benchmarks.plan import make_plan
from benchmarks.rows import BY_NAME, ROWS
from benchmarks.scenarios import SCENARIOS


def test_a_quick_run_takes_under_three_minutes():
    plan = make_plan((), (), quick=True, minutes=2.5, rounds=None)
    assert plan.estimate < 180
    assert {row.name for _, row in plan.cells} >= {"ours", "tuned", "plain", "as_designed"}


def test_a_full_run_measures_every_row():
    plan = make_plan((), (), quick=False, minutes=25, rounds=None)
    assert {row.name for _, row in plan.cells} == set(BY_NAME)
    assert plan.rounds >= 5
    assert plan.estimate < 27 * 60


def test_more_time_means_longer_measurements():
    short, long = (make_plan((), (), quick=False, minutes=minutes, rounds=None) for minutes in (10, 90))
    assert short.seconds < long.seconds


@pytest.mark.parametrize(("rows", "scenarios"), [(("nobody",), ()), ((), ("nothing",)), (("bare_asgi",), ("open_70",))])
def test_what_is_not_there_is_named_or_measured_if_asked_for_by_name(rows, scenarios):
    if rows and scenarios:
        assert len(make_plan(rows, scenarios, False, 1, 1).cells) == 1
    else:
        with pytest.raises(ValueError, match=f"no (row|scenario) named {(rows or scenarios)[0]}"):
            make_plan(rows, scenarios, False, 1, 1)


def test_a_row_is_not_asked_what_it_cannot_tell_apart():
    plan = make_plan(("ours", "bare_wsgi", "mlflow"), ("one_row", "invalid_1000", "mix"), False, 1, 1)
    assert {(scenario.name, row.name) for scenario, row in plan.cells} == {
        *(("one_row", row) for row in ("ours", "bare_wsgi", "mlflow")),
        ("invalid_1000", "ours"),
        ("mix", "ours"),
    }
    assert plan.left_out["invalid_1000/bare_wsgi"] == "a bare app gives every request the same answer"
    with pytest.raises(ValueError, match="batch_100/bare_asgi: a bare app"):
        make_plan(("bare_asgi",), ("batch_100",), False, 1, 1)


def test_scenarios_name_rows_that_exist():
    assert {name for scenario in SCENARIOS for name in scenario.rows} <= set(BY_NAME)


def test_a_row_that_cannot_run_says_what_is_missing():
    for row in ROWS:
        missing = row.missing()
        assert missing is None or "is not installed" in missing
