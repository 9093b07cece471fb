import re

import pytest

from benchmarks.peers.__main__ import PINS
from benchmarks.plan import make_plan
from benchmarks.scenarios import SCENARIOS
from benchmarks.targets import BY_NAME, HERE, TARGETS


def test_a_quick_run_takes_under_three_minutes():
    plan = make_plan((), (), quick=True, minutes=2.5, rounds=None)
    assert plan.estimate < 180
    assert {target.name for _, target in plan.cells} >= {"ours", "tuned", "plain", "fastapi_design"}


def test_a_full_run_measures_every_target():
    plan = make_plan((), (), quick=False, minutes=25, rounds=None)
    assert {target.name for _, target in plan.cells} == set(BY_NAME)
    assert plan.rounds >= 5
    assert plan.estimate < 27 * 60


def test_more_time_means_longer_measurements():
    short, long = (make_plan((), (), quick=False, minutes=minutes, rounds=None) for minutes in (10, 90))
    assert short.seconds < long.seconds


@pytest.mark.parametrize(
    ("targets", "scenarios"), [(("nobody",), ()), ((), ("nothing",)), (("bare_asgi",), ("open_70",))]
)
def test_an_unknown_name_is_refused_and_any_cell_can_be_chosen_by_name(targets, scenarios):
    if targets and scenarios:
        assert len(make_plan(targets, scenarios, False, 1, 1).cells) == 1
    else:
        with pytest.raises(ValueError, match=f"no (target|scenario) named {(targets or scenarios)[0]}"):
            make_plan(targets, scenarios, False, 1, 1)


def test_a_target_is_not_measured_where_its_answers_are_all_the_same():
    plan = make_plan(("ours", "bare_wsgi", "mlflow"), ("one_row", "invalid_1000", "mix"), False, 1, 1)
    assert {(scenario.name, target.name) for scenario, target in plan.cells} == {
        *(("one_row", target) for target in ("ours", "bare_wsgi", "mlflow")),
        ("invalid_1000", "ours"),
        ("mix", "ours"),
    }
    assert plan.left_out["invalid_1000/bare_wsgi"] == "a bare app gives every request the same answer"
    with pytest.raises(ValueError, match="batch_100/bare_asgi: a bare app"):
        make_plan(("bare_asgi",), ("batch_100",), False, 1, 1)


def test_scenarios_name_targets_that_exist():
    assert {name for scenario in SCENARIOS for name in scenario.targets} <= set(BY_NAME)


def test_a_target_that_cannot_run_says_what_is_missing():
    for target in TARGETS:
        missing = target.missing()
        assert missing is None or "is not installed" in missing


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_target_says_how_to_install_what_it_needs(target):
    pinned = set(re.findall(r"^([\w-]+)==", (HERE.parent / "requirements-bench.in").read_text(), re.MULTILINE))
    for need in target.needs:
        assert need in pinned or target.install, (
            f"{target.name} needs {need}, and nothing installs it: add it to requirements-bench.in, or set install="
        )
    for peer in re.findall(r"python -m benchmarks\.peers(\S* ?\w*)", target.install):
        assert peer.strip() in PINS, f"{target.name}: benchmarks/peers/__main__.py has no PINS of {peer.strip()!r}"
