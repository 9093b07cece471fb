"""The requests of a scenario, made from the pool of rows."""

import random
from collections.abc import Sequence

import orjson

from benchmarks.load.heads import header_lines
from benchmarks.load.requests import Request, get, post
from benchmarks.protocols import PROTOCOLS
from benchmarks.scenarios import Scenario
from benchmarks.targets import Target
from benchmarks.workload import Pool, wrong

MOST_CELLS = 200_000
"""Rows in all the bodies of a scenario, where the scenario leaves the number of bodies open."""


def requests_for(scenario: Scenario, target: Target, pool: Pool) -> list[Request]:
    """The requests, to be sent in turn."""
    if scenario.mixed:
        return _mixed(target, pool)
    count = scenario.distinct if scenario.size == 0 else max(2, min(64, MOST_CELLS // 10 // scenario.size))
    if scenario.invalid:
        return [_invalid(scenario, pool, start) for start in range(min(count, 64))]
    lines = header_lines(scenario.heads, count, pool.seed)
    order = random.Random(pool.seed).sample(range(count), count)
    return [
        valid(target, pool, place * scenario.rows_per_request, scenario.size, scenario.keep_alive, headers)
        for place, headers in zip(order, lines, strict=True)
    ]


def valid(
    target: Target, pool: Pool, start: int, size: int, keep_alive: bool = True, headers: Sequence[str] = ()
) -> Request:
    """One request for ``size`` rows, or for one row at /predict where it is 0. A bare app's answers are not checked."""
    protocol = PROTOCOLS[target.protocol]
    rows, answers = pool.take(start, max(1, size), target.knows_null)
    path, body = (protocol.batch if size else protocol.one_row)(rows)
    return post(path, body, keep_alive, len(rows), None if target.answers_anything else answers, headers=headers)


def _invalid(scenario: Scenario, pool: Pool, start: int) -> Request:
    rows, _ = pool.take(start, scenario.rows_per_request)
    if not scenario.size:
        return post("/predict", orjson.dumps(wrong(rows[0])), True, 1, status=422)
    body = orjson.dumps({"instances": [wrong(row) for row in rows]})
    return post("/predict/batch", body, True, len(rows), status=422)


def _mixed(target: Target, pool: Pool) -> list[Request]:
    requests: list[Request] = [valid(target, pool, place, 0) for place in range(800)]
    requests += [valid(target, pool, place * 10, 10) for place in range(120)]
    requests += [get("/health", True)] * 80
    random.Random(1).shuffle(requests)
    return requests


def mean_rows(requests: Sequence[Request]) -> float:
    """Rows in a request, on average."""
    return sum(request.rows for request in requests) / len(requests)
