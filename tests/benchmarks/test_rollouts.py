"""The figures and transcripts of rollouts: what docs/versions.md quotes is what a command wrote."""

import json

import numpy as np
import pytest

from benchmarks.results import FOLDER
from benchmarks.rollouts.simulation import CASES, _rollout, report, run
from benchmarks.rollouts.swaps import _percentiles
from tests.conftest import ROOT

DOCUMENT = (ROOT / "docs" / "versions.md").read_text()
BY_NAME = {case.name: case for case in CASES}


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("the same as stable, outcomes known", "arrived"),
        ("the same as stable, no outcomes", "arrived"),
        ("refuses 20 % where stable refuses 2 %", "went back"),
        ("3 times as slow", "went back"),
        ("agrees on 0.5, no outcomes", "went back"),
    ],
)
def test_clear_cases_end_as_they_should(name, end):
    draw = np.random.default_rng(3)
    assert {_rollout(BY_NAME[name], draw)[0] for _ in range(3)} == {end}


def test_a_report_has_a_line_for_each_case():
    found = run(1, 5)
    assert report(1, found).count("\n| ") == len(CASES) + 1
    assert all(one["arrived"] + one["went_back"] + one["undecided"] == 1 for one in found)


def test_percentiles_are_of_the_answers_within_the_windows():
    answers = [(float(second), 0.001 if second < 50 else 0.1) for second in range(100)]
    assert _percentiles(answers, [(0.0, 50.0)])["p99"] == pytest.approx(1.0)
    assert _percentiles(answers, [(50.0, 60.0), (70.0, 80.0)]) | {"p50": 0} == {
        "p50": 0, "p95": 100.0, "p99": 100.0, "p99.9": 100.0, "max": 100.0, "answers": 20.0
    }  # fmt: skip


@pytest.mark.parametrize("name", ["rollout_errors"])
def test_docs_quote_what_the_command_wrote(name):
    written = (FOLDER / f"{name}.md").read_text()
    quoted = [line for line in written.splitlines() if line.startswith("|")] if "```" not in written else []
    blocks = written.split("```")[1::2]
    assert quoted or blocks
    assert [part for part in (*quoted, *blocks) if part not in DOCUMENT] == [], "quote it again in docs/versions.md"


def test_a_version_that_is_within_all_limits_goes_back_no_more_often_than_promised():
    found = json.loads((FOLDER / "rollout_errors.json").read_bytes())
    good = [case for case in found["cases"] if not case["is_worse"]]
    assert good and all(case["went_back"] <= 0.05 * found["rollouts"] for case in good)
