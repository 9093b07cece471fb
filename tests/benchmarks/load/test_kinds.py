from collections.abc import Callable
from typing import get_args

import pytest

from benchmarks.load.kinds import KINDS, Load
from benchmarks.load.scenario_requests import requests_for
from benchmarks.measurement import LoadResult
from benchmarks.results import GRID
from benchmarks.scenarios import BY_NAME, SCENARIOS, Kind


@pytest.fixture
def apply(serve, pool) -> Callable[..., LoadResult]:
    """Factory: ``apply("open_70")`` loads a bare app for a second, by a ceiling of 50 requests/s."""

    def apply(name: str, single: float = 0.001) -> LoadResult:
        server, scenario = serve("bare_asgi"), BY_NAME[name]
        return Load(scenario, server, requests_for(scenario, server.target, pool), pool, 1, single, 50.0).run()

    return apply


def test_every_kind_of_scenario_has_its_load():
    assert {scenario.kind for scenario in SCENARIOS} <= set(get_args(Kind)) == set(KINDS)


@pytest.mark.process
@pytest.mark.parametrize(("name", "offered"), [("open_70", 35.0), ("burst", None)])
def test_a_load_by_the_clock_gives_latencies_by_share_and_the_offered_rate(name, offered, apply):
    found = apply(name)
    assert len(found.latency) == len(GRID)
    assert found.latency == sorted(found.latency)
    assert found.failed == found.wrong == 0
    assert found.offered == offered


@pytest.mark.process
def test_a_closed_loop_too_slow_for_a_queue_sends_one_by_one(apply):
    found = apply("one_row", single=1.0)
    assert found.connections == 1
    assert found.requests > 0
