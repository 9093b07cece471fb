"""A scenario's requests, made from the pool of rows."""

import random
import uuid
from collections.abc import Sequence

import orjson

from benchmarks.load.exchange import Ask, get, post
from benchmarks.protocols import DIALECTS
from benchmarks.rows import Row
from benchmarks.scenarios import Scenario
from benchmarks.workload import Pool, wrong

MOST_CELLS = 200_000
"""Rows in all the bodies of a scenario, where the scenario leaves the number of bodies open."""


def asks_of(scenario: Scenario, row: Row, pool: Pool) -> list[Ask]:
    """The requests, to be sent in turn."""
    if scenario.mixed:
        return _mixed(row, pool)
    count = scenario.distinct if scenario.size == 0 else max(2, min(64, MOST_CELLS // 10 // scenario.size))
    if scenario.invalid:
        return [_invalid(scenario, pool, start) for start in range(min(count, 64))]
    heads = fresh_heads(count) if scenario.fresh_head else [()] * count
    return [
        valid(row, pool, place * scenario.asked_rows, scenario.size, scenario.keep_alive, head)
        for place, head in enumerate(heads)
    ]


def valid(row: Row, pool: Pool, start: int, size: int, keep_alive: bool = True, head: Sequence[str] = ()) -> Ask:
    """One request for ``size`` rows, or for one at /predict where it is 0. A bare app is not held to the answers."""
    dialect = DIALECTS[row.dialect]
    rows, answers = pool.take(start, max(1, size), row.knows_null)
    path, body = (dialect.ask_batch if size else dialect.ask_one)(rows)
    return post(path, body, keep_alive, len(rows), None if row.answers_anything else answers, head=head)


def fresh_heads(count: int) -> list[tuple[str, ...]]:
    """What a gateway adds: a W3C trace context and a request id, no two alike, the same ones in each round."""
    draw = random.Random(1)
    return [
        (
            f"traceparent: 00-{draw.getrandbits(128):032x}-{draw.getrandbits(64):016x}-01",
            f"X-Request-ID: {uuid.UUID(int=draw.getrandbits(128), version=4)}",
        )
        for _ in range(count)
    ]


def _invalid(scenario: Scenario, pool: Pool, start: int) -> Ask:
    rows, _ = pool.take(start, scenario.asked_rows)
    if not scenario.size:
        return post("/predict", orjson.dumps(wrong(rows[0])), True, 1, status=422)
    body = orjson.dumps({"instances": [wrong(row) for row in rows]})
    return post("/predict/batch", body, True, len(rows), status=422)


def _mixed(row: Row, pool: Pool) -> list[Ask]:
    asks: list[Ask] = [valid(row, pool, place, 0) for place in range(800)]
    asks += [valid(row, pool, place * 10, 10) for place in range(120)]
    asks += [get("/health", True)] * 80
    random.Random(1).shuffle(asks)
    return asks


def rows_asked(asks: Sequence[Ask]) -> float:
    """Rows in a request, on average."""
    return sum(ask.rows for ask in asks) / len(asks)
