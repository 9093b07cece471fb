import re

from benchmarks.scenarios import SCENARIOS
from benchmarks.targets import HERE, Target

README = (HERE / "README.md").read_text()


def test_the_target_that_is_shown_is_one():
    (shown,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    target = eval(shown, {"Target": Target})
    assert target.has_our_routes
    assert len(shown.splitlines()) <= 10
    assert f"--targets ours,{target.name}" in README


def test_files_that_are_named_are_there():
    named = re.findall(r"`((?:targets|peers|load|twins|ceilings|results|report)/[\w.-]*|\w+\.(?:py|txt))`", README)
    assert len(named) > 20
    missing = [name for name in named if not (HERE / name).exists() and not (HERE.parent / name).exists()]
    assert missing == []


def test_scenarios_that_are_named_are_there():
    shown = set(re.findall(r"`((?:one_row|batch|open|invalid|slow|two)_\w+)`", README))
    assert shown
    assert shown <= {scenario.name for scenario in SCENARIOS}
