"""What the servers are asked to do: one table."""

from dataclasses import dataclass
from typing import Literal

from benchmarks.rows import Row

Kind = Literal["closed", "open", "burst", "health", "slow"]

MAIN = ("ours", "tuned", "as_designed")
PEERS = ("mlserver", "mlflow", "litserve", "bentoml")
CEILINGS = ("bare_wsgi", "bare_asgi")
EVERY: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """One load.

    ``kind``: ``closed`` as many requests as get answered; ``open`` at ``share`` of the row's own one-row ceiling;
    ``burst`` 64 requests at once, twice a second; ``health`` is /health asked 20 times a second under a closed loop of
    predictions; ``slow`` a closed loop beside 32 clients that send a byte at a time. ``size`` rows a request (0: one
    row at /predict). ``rows``: the servers it is meant for, all where empty. ``distinct`` requests are sent in turn;
    with ``fresh_head`` each has a traceparent and an X-Request-ID of its own, as behind a gateway, so that a server
    which remembers heads finds none again. ``too_slow``: rows for which a quick run has no time.
    """

    name: str
    title: str
    kind: Kind = "closed"
    size: int = 0
    rows: tuple[str, ...] = EVERY
    share: float = 0.0
    connections: int = 16
    keep_alive: bool = True
    invalid: bool = False
    mixed: bool = False
    fresh_head: bool = False
    workers: int = 1
    distinct: int = 2000
    quick: bool = False
    too_slow: tuple[str, ...] = ()

    @property
    def asked_rows(self) -> int:
        """Rows in one request."""
        return max(1, self.size)

    @property
    def plain_batch(self) -> bool:
        """Whether it asks for nothing but answers to valid batches."""
        return self.kind == "closed" and self.size > 1 and not (self.invalid or self.mixed)

    def senseless(self, row: Row) -> str | None:
        """Why this load says nothing of this row, or None."""
        if row.answers_anything and (self.size or self.invalid or self.mixed or self.kind == "health"):
            return "a bare app gives every request the same answer"
        if not row.speaks_our_routes and (self.invalid or self.mixed or self.kind == "health"):
            return "it has neither our /health nor our 422"
        return None


SCENARIOS: tuple[Scenario, ...] = (
    Scenario("one_row", "One row a request", quick=True),
    Scenario(
        "one_row_close",
        "One row, Connection: close",
        rows=(*MAIN, "flask_sync", "flask_gthread", *CEILINGS),
        keep_alive=False,
    ),
    Scenario(
        "one_row_fresh_head",
        "One row, a traceparent and an X-Request-ID of its own in each request",
        rows=(*MAIN, "tuned_one_write", "flask_gthread", *CEILINGS),
        fresh_head=True,
        distinct=20_000,
        quick=True,
        too_slow=("as_designed",),
    ),
    Scenario("batch_10", "Batches of 10 rows", size=10, rows=MAIN),
    Scenario(
        "batch_100",
        "Batches of 100 rows",
        size=100,
        rows=(*MAIN, "plain", "flask_plain", "ours_sklearn", *PEERS),
        quick=True,
    ),
    Scenario(
        "batch_1000",
        "Batches of 1 000 rows",
        size=1000,
        rows=(*MAIN, "plain", *PEERS),
        quick=True,
        too_slow=("as_designed",),
    ),
    Scenario("batch_10000", "Batches of 10 000 rows", size=10_000, rows=("ours", "tuned")),
    Scenario("invalid_one", "One row, every field wrong", invalid=True, rows=MAIN),
    Scenario(
        "invalid_1000", "Batches of 1 000 rows, every field wrong", size=1000, invalid=True, rows=MAIN, quick=True
    ),
    Scenario("mix", "A mix: 80% one row, 12% batches of 10, 8% /health", mixed=True, rows=MAIN),
    Scenario("health", "/health while predictions run at the ceiling", "health", rows=(*MAIN, "flask_gthread")),
    Scenario("slow_clients", "One row beside 32 slow clients", "slow", rows=("ours", "flask_gthread", "tuned")),
    Scenario("burst", "64 requests at one instant", "burst", rows=MAIN, connections=64),
    Scenario("open_50", "Open loop, 50% of the row's ceiling", "open", share=0.5, rows=(*MAIN, "plain")),
    Scenario(
        "open_70",
        "Open loop, 70% of the row's ceiling",
        "open",
        share=0.7,
        rows=(*MAIN, "plain", "flask_gthread"),
        quick=True,
    ),
    Scenario("open_90", "Open loop, 90% of the row's ceiling", "open", share=0.9, rows=(*MAIN, "plain")),
    Scenario(
        "distinct",
        "100 000 distinct rows in turn",
        rows=("ours", "ours_cache_local", "ours_cache_redis"),
        distinct=100_000,
    ),
    Scenario("repeated", "8 rows in turn", rows=("ours", "ours_cache_local", "ours_cache_redis"), distinct=8),
    Scenario("two_workers", "One row, 2 workers", rows=("ours", "tuned"), workers=2),
)

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
ONE_ROW = BY_NAME["one_row"]
