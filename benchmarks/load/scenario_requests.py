"""The requests of a scenario, made from the pool of rows."""

import random
import uuid
from collections.abc import Sequence

import orjson

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
    lines = unique_headers(count) if scenario.unique_headers else [()] * count
    return [
        valid(target, pool, place * scenario.rows_per_request, scenario.size, scenario.keep_alive, headers)
        for place, headers in enumerate(lines)
    ]


def valid(
    target: Target, pool: Pool, start: int, size: int, keep_alive: bool = True, headers: Sequence[str] = ()
) -> Request:
    """One request for ``size`` rows, or for one row at /predict where it is 0. A bare app's answers are not checked."""
    protocol = PROTOCOLS[target.protocol]
    rows, answers = pool.take(start, max(1, size), target.knows_null)
    path, body = (protocol.batch if size else protocol.one_row)(rows)
    return post(path, body, keep_alive, len(rows), None if target.answers_anything else answers, headers=headers)


def unique_headers(count: int) -> list[tuple[str, ...]]:
    """Header lines that a gateway adds: a W3C trace context and a request id; all different, the same in each round."""
    draw = random.Random(1)
    return [
        (
            f"traceparent: 00-{draw.getrandbits(128):032x}-{draw.getrandbits(64):016x}-01",
            f"X-Request-ID: {uuid.UUID(int=draw.getrandbits(128), version=4)}",
        )
        for _ in range(count)
    ]


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
