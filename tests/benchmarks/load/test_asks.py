import pytest

from benchmarks.load.requests import asks_of
from benchmarks.rows import BY_NAME as ROWS
from benchmarks.scenarios import BY_NAME as SCENARIOS


def _heads(scenario, row, pool):
    return [ask.raw.partition(b"\r\n\r\n")[0] for ask in asks_of(SCENARIOS[scenario], ROWS[row], pool)]


def test_a_fresh_head_is_like_no_other(pool):
    heads = _heads("one_row_fresh_head", "ours", pool)
    assert len(set(heads)) == len(heads) >= 20_000
    assert heads == _heads("one_row_fresh_head", "tuned", pool)
    for name in (b"\r\ntraceparent: 00-", b"\r\nX-Request-ID: "):
        assert all(name in head for head in heads)
    assert len(set(_heads("one_row", "ours", pool))) < 100


@pytest.mark.parametrize("row", ["bare_wsgi", "bare_asgi"])
def test_a_bare_app_is_sent_what_the_others_are_sent(row, pool):
    bare, ours = (asks_of(SCENARIOS["one_row"], ROWS[name], pool) for name in (row, "ours"))
    assert [ask.raw for ask in bare] == [ask.raw for ask in ours]
    assert all(ask.expected is None for ask in bare)
