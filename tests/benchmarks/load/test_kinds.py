from collections.abc import Callable
from typing import Any, get_args

import pytest

from benchmarks.load.kinds import KINDS, Load
from benchmarks.load.requests import asks_of
from benchmarks.results import GRID
from benchmarks.scenarios import BY_NAME, SCENARIOS, Kind


@pytest.fixture
def apply(serve, pool) -> Callable[..., dict[str, Any]]:
    """Factory: ``apply("open_70")`` loads a bare app for a second, by a ceiling of 50 requests/s."""

    def apply(name: str, alone: float = 0.001) -> dict[str, Any]:
        server, scenario = serve("bare_asgi"), BY_NAME[name]
        return Load(scenario, server, asks_of(scenario, server.row, pool), pool, 1, alone, 50.0).run()

    return apply


def test_every_kind_of_scenario_has_its_load():
    assert {scenario.kind for scenario in SCENARIOS} <= set(get_args(Kind)) == set(KINDS)


@pytest.mark.process
@pytest.mark.parametrize(("name", "offered"), [("open_70", 35.0), ("burst", None)])
def test_a_load_by_the_clock_tells_latencies_by_share_and_what_it_offered(name, offered, apply):
    found = apply(name)
    assert len(found["latency"]) == len(GRID)
    assert found["latency"] == sorted(found["latency"])
    assert found["failed"] == found["wrong"] == 0
    assert found.get("offered") == offered


@pytest.mark.process
def test_a_closed_loop_too_slow_for_a_queue_asks_one_by_one(apply):
    found = apply("one_row", alone=1.0)
    assert found["connections"] == 1
    assert found["requests"] > 0
