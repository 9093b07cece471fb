"""docs/scaling.md is what the command computes, and the formulas are near what the lab measured."""

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.results import FOLDER, Run
from benchmarks.scaling.__main__ import main
from benchmarks.scaling.formulas import Assumptions, Measured, checks, host_rate, plan, stores

PAGE = Path(__file__).parents[2] / "docs" / "scaling.md"
MEASURED, ASSUMED = Measured.read(), Assumptions()
LOADS = (1, 1_000, 10_000, 100_000, 1_000_000)


def test_the_page_holds_what_the_command_prints():
    assert CliRunner().invoke(main, []).output.strip() in PAGE.read_text()


def test_the_formulas_are_within_a_tenth_of_what_one_and_two_workers_measured():
    found = checks(Run.read(FOLDER / "all.json"), MEASURED)
    assert len(found) == 3
    assert [one.computed for one in found] == [pytest.approx(one.measured, rel=0.1) for one in found]


def test_the_hosts_of_a_plan_take_its_load_even_without_one_of_them():
    for load in LOADS:
        found = plan(load, MEASURED.row, MEASURED, ASSUMED)
        assert (found.hosts - 1) * host_rate(MEASURED.row, found.workers, MEASURED, ASSUMED) >= load
        assert found.workers + ASSUMED.other_cores == found.cores <= ASSUMED.most_cores


def test_more_load_or_slower_requests_never_cost_less():
    costs = [plan(load, MEASURED.row, MEASURED, ASSUMED).usd for load in LOADS]
    assert costs == sorted(costs) and costs[0] < costs[-1]
    assert plan(1e6, 2 * MEASURED.row, MEASURED, ASSUMED).usd > costs[-1]


def test_the_sample_that_fits_is_what_the_tightest_store_takes():
    load = 100_000
    found = stores(load, 2, 15, MEASURED, ASSUMED)
    assert 0 < found.sample < 1
    fitting = stores(load * found.sample, 2, 15, MEASURED, ASSUMED)
    assert fitting.sample == pytest.approx(1)
    assert fitting.kept_tb == pytest.approx(ASSUMED.database_tb)
    assert stores(load, 2, 15, MEASURED, replace(ASSUMED, keep_days=1)).sample > found.sample
