import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.load.heads import KINDS, header_lines
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


def test_unknown_names_are_drawn_anew_in_each_run_and_are_equal_for_all_its_servers(pool):
    def names(seed):
        again = dataclasses.replace(pool, seed=seed)
        heads = _heads("one_row_unknown_headers", "ours", again)
        assert len(set(heads)) == len(heads) >= 20_000
        assert heads == _heads("one_row_unknown_headers", "tuned", again)
        return {line.partition(b":")[0] for head in heads for line in head.split(b"\r\n")[1:]}

    known = {b"Host", b"Accept", b"Content-Type", b"Content-Length", b"Cookie"}
    assert known < names(1)
    assert len(names(1)) == len(known) + 3
    assert names(1) & names(2) == known


def test_a_crowd_is_many_users_who_come_back(pool):
    heads = _heads("one_row_crowd", "ours", pool)
    tokens = {line for head in heads for line in head.split(b"\r\n") if line.startswith(b"Authorization: ")}
    assert 4000 < len(tokens) < len(heads)


@given(st.integers(), st.sampled_from(list(KINDS)))
def test_header_lines_are_valid_and_depend_on_the_seed_alone(seed, kind):
    lines = header_lines(kind, 50, seed)
    assert lines == header_lines(kind, 50, seed)
    assert len(lines) == 50
    for line in (line for group in lines for line in group):
        assert re.fullmatch(r"[A-Za-z-]+: [\x20-\x7e]+", line), line


def test_rows_come_in_another_order_in_another_run(pool):
    target, scenario = TARGETS["ours"], SCENARIOS["one_row"]
    first, other = (requests_for(scenario, target, dataclasses.replace(pool, seed=seed)) for seed in (1, 2))
    assert [request.raw for request in first] != [request.raw for request in other]


@pytest.mark.parametrize("target", ["bare_wsgi", "bare_asgi"])
def test_a_bare_app_is_sent_what_the_others_are_sent(target, pool):
    bare, ours = (requests_for(SCENARIOS["one_row"], TARGETS[name], pool) for name in (target, "ours"))
    assert [request.raw for request in bare] == [request.raw for request in ours]
    assert all(request.expected is None for request in bare)
