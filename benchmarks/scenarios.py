"""The loads that the targets are measured under: one table."""

from dataclasses import dataclass
from typing import Literal

from benchmarks.targets import Target

Kind = Literal["closed", "open", "burst", "health", "slow"]
Heads = Literal["equal", "gateway", "unknown", "crowd"]

MAIN = ("ours", "tuned", "fastapi_design")
PEERS = ("mlserver", "mlflow", "litserve", "bentoml")
CEILINGS = ("bare_wsgi", "bare_asgi", "bare_fastpysgi", "bare_bjoern")
SERVERS = ("flask_gthread", "flask_granian", "flask_fastpysgi", "flask_bjoern")
STRANGERS = ("ours", "tuned", "tuned_one_write", *SERVERS, *CEILINGS)
IDENTITY = ("identity_flask_sync", "identity_flask", "identity_fastapi")
EVERY: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """One load.

    ``kind``: ``closed`` sends as many requests as get answered; ``open`` sends at ``share`` of the target's own ceiling
    for one row; ``burst`` sends 64 requests at once, twice a second; ``health`` sends 20 /health requests a second
    beside a closed loop of predictions; ``slow`` is a closed loop beside 32 clients that send a byte at a time.
    ``size``: rows in a request (0: one row at /predict). ``targets``: the servers it is meant for, all where empty.
    ``distinct``: so many different requests are sent in turn. ``heads``: ``equal`` for all requests; or new ones for
    each, so that a server which caches request heads finds none in its cache: ``gateway`` adds traceparent and
    X-Request-ID, ``unknown`` three headers whose names are drawn anew in each run, and a cookie; ``crowd`` sends what a
    crowd of users sends, each with a browser, a token and a session of one's own. ``identity``: a scenario of MLflow's.
    ``too_slow``: targets for which a quick run has no time.
    """

    name: str
    title: str
    kind: Kind = "closed"
    size: int = 0
    targets: tuple[str, ...] = EVERY
    share: float = 0.0
    connections: int = 16
    keep_alive: bool = True
    invalid: bool = False
    mixed: bool = False
    heads: Heads = "equal"
    identity: bool = False
    workers: int = 1
    distinct: int = 2000
    quick: bool = False
    too_slow: tuple[str, ...] = ()

    @property
    def rows_per_request(self) -> int:
        """Rows in one request."""
        return max(1, self.size)

    @property
    def plain_batch(self) -> bool:
        """Whether it sends nothing but valid batches."""
        return self.kind == "closed" and self.size > 1 and not (self.invalid or self.mixed)

    def inapplicable(self, target: Target) -> str | None:
        """Why this load says nothing about this target; None where it does."""
        if self.identity != target.identity:
            return "only an identity model is compared with an identity model"
        if target.answers_anything and (self.size or self.invalid or self.mixed or self.kind == "health"):
            return "a bare app gives every request the same answer"
        if not target.has_our_routes and (self.invalid or self.mixed or self.kind == "health"):
            return "it has neither our /health nor our 422"
        return None


SCENARIOS: tuple[Scenario, ...] = (
    Scenario("one_row", "One row a request", quick=True),
    Scenario(
        "one_row_close",
        "One row, Connection: close",
        targets=(*MAIN, "flask_sync", "flask_gthread", *CEILINGS),
        keep_alive=False,
    ),
    Scenario(
        "one_row_unique_headers",
        "One row, unique headers in each request (traceparent, X-Request-ID)",
        targets=(*MAIN, "tuned_one_write", "flask_gthread", *CEILINGS),
        heads="gateway",
        distinct=20_000,
    ),
    Scenario(
        "one_row_unknown_headers",
        "One row, three headers of names nobody knows and a cookie, new in each request",
        targets=STRANGERS,
        heads="unknown",
        distinct=20_000,
        quick=True,
    ),
    Scenario(
        "one_row_crowd",
        "One row, a crowd of 5 000 users with cookies and tokens",
        targets=("ours", "tuned", "tuned_one_write"),
        heads="crowd",
        distinct=20_000,
    ),
    Scenario(
        "identity_close",
        "An identity model, 10 connections, Connection: close (as ab -n 10000 -c 10)",
        targets=IDENTITY,
        connections=10,
        keep_alive=False,
        identity=True,
    ),
    Scenario(
        "identity_keep",
        "An identity model, 10 connections kept open (as ab -k)",
        targets=IDENTITY,
        connections=10,
        identity=True,
    ),
    Scenario("batch_10", "Batches of 10 rows", size=10, targets=MAIN),
    Scenario(
        "batch_100",
        "Batches of 100 rows",
        size=100,
        targets=(*MAIN, "plain", "flask_plain", "ours_sklearn", *PEERS),
        quick=True,
    ),
    Scenario(
        "batch_1000",
        "Batches of 1 000 rows",
        size=1000,
        targets=(*MAIN, "plain", *PEERS),
        quick=True,
        too_slow=("fastapi_design",),
    ),
    Scenario("batch_10000", "Batches of 10 000 rows", size=10_000, targets=("ours", "tuned")),
    Scenario("invalid_one", "One row, every field wrong", invalid=True, targets=MAIN),
    Scenario(
        "invalid_1000", "Batches of 1 000 rows, every field wrong", size=1000, invalid=True, targets=MAIN, quick=True
    ),
    Scenario("mix", "A mix: 80% one row, 12% batches of 10, 8% /health", mixed=True, targets=MAIN),
    Scenario("health", "/health while predictions run at the ceiling", "health", targets=(*MAIN, "flask_gthread")),
    Scenario("slow_clients", "One row beside 32 slow clients", "slow", targets=("ours", "flask_gthread", "tuned")),
    Scenario("burst", "64 requests at one instant", "burst", targets=MAIN, connections=64),
    Scenario("open_50", "Open loop, 50% of the target's ceiling", "open", share=0.5, targets=(*MAIN, "plain")),
    Scenario(
        "open_70",
        "Open loop, 70% of the target's ceiling",
        "open",
        share=0.7,
        targets=(*MAIN, "plain", "flask_gthread"),
        quick=True,
    ),
    Scenario("open_90", "Open loop, 90% of the target's ceiling", "open", share=0.9, targets=(*MAIN, "plain")),
    Scenario(
        "distinct",
        "100 000 distinct rows in turn",
        targets=("ours", "ours_cache_local", "ours_cache_redis"),
        distinct=100_000,
    ),
    Scenario("repeated", "8 rows in turn", targets=("ours", "ours_cache_local", "ours_cache_redis"), distinct=8),
    Scenario("two_workers", "One row, 2 workers", targets=("ours", "tuned"), workers=2),
)

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
ONE_ROW = BY_NAME["one_row"]
