import pytest

from benchmarks.load.scenario_requests import requests_for
from benchmarks.scenarios import BY_NAME as SCENARIOS
from benchmarks.targets import BY_NAME as TARGETS


def _heads(scenario, target, pool):
    return [
        request.raw.partition(b"\r\n\r\n")[0] for request in requests_for(SCENARIOS[scenario], TARGETS[target], pool)
    ]


def test_no_two_requests_have_the_same_headers_where_they_are_unique(pool):
    heads = _heads("one_row_unique_headers", "ours", pool)
    assert len(set(heads)) == len(heads) >= 20_000
    assert heads == _heads("one_row_unique_headers", "tuned", pool)
    for name in (b"\r\ntraceparent: 00-", b"\r\nX-Request-ID: "):
        assert all(name in head for head in heads)
    assert len(set(_heads("one_row", "ours", pool))) < 100


@pytest.mark.parametrize("target", ["bare_wsgi", "bare_asgi"])
def test_a_bare_app_is_sent_what_the_others_are_sent(target, pool):
    bare, ours = (requests_for(SCENARIOS["one_row"], TARGETS[name], pool) for name in (target, "ours"))
    assert [request.raw for request in bare] == [request.raw for request in ours]
    assert all(request.expected is None for request in bare)
