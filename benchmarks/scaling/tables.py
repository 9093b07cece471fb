"""The tables of docs/scaling.md, as Markdown."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from benchmarks.results import FOLDER, Run
from benchmarks.scaling.formulas import Assumptions, Measured, Plan, checks, host_rate, plan, stores
from benchmarks.statistics import figure

LOADS = (1_000, 100_000, 1_000_000)
FLEETS = (1, 10, 100)
FILES = (1e8, 1e9, 1e10, 1e11, 1e12)
MILLION = 1e6
ASSUMED = {
    "most_cores": "cores of the largest host",
    "other_cores": "cores of each host that are left to the shipper, the proxy and the system",
    "busy": "share of its time that a worker, PostgreSQL or Redis may work, `b`",
    "usd_core_hour": "USD for a core and hour",
    "usd_gb_month": "USD for a GB of disk and month",
    "hours_a_month": "hours of a month",
    "keep_days": "`RECORDS_KEEP_DAYS`",
    "database_cores": "cores of the PostgreSQL server",
    "database_tb": "TB of its disk",
}
SHOWN = {  # what a measured figure is called on the page, its unit, and by what it is multiplied for that
    "row": ("one row, equal headers", "us of CPU", MILLION),
    "row_unique_headers": ("one row, `S`: headers of a gateway", "us of CPU", MILLION),
    "batch_100": ("a batch of 100 rows, `S`", "us of CPU", MILLION),
    "growth": ("dearer by a second worker, `g`", "%", 100),
    "first_worker": ("the service with one worker", "MiB", 1),
    "next_worker": ("each further worker", "MiB", 1),
    "shipped": ("the shipper, a record to PostgreSQL", "us of CPU", MILLION),
    "inserted": ("PostgreSQL, a record", "us of CPU", MILLION),
    "record_bytes": ("a record in PostgreSQL, indexes included", "bytes", 1),
    "limit": ("Redis, one count of a rate limit", "us of CPU", MILLION),
    "client_bytes": ("a client's counter in Redis", "bytes", 1),
    "scored_rows": ("`python -m scoring`, Parquet to Parquet", "rows a second of CPU", 1),
}


def report() -> str:
    """All tables."""
    run, measured, assumed = Run.read(FOLDER / "all.json"), Measured.read(), Assumptions()
    parts = (
        ("What was measured", _measured(measured)),
        (
            "What is assumed",
            _table(("what", "figure"), ((ASSUMED[name], value) for name, value in asdict(assumed).items())),
        ),
        ("The formulas against the lab", _checks(run, measured)),
        ("Requests of one row", _plans(LOADS, measured.row_unique_headers, measured, assumed)),
        ("The same rows in batches of 100", _plans(LOADS, measured.batch_100, measured, assumed, rows=100)),
        ("Fleets", _fleets(measured, assumed)),
        ("The stores", _stores(measured, assumed)),
        ("Whole files", _files(measured, assumed)),
    )
    return "\n".join(f"## {title}\n\n{text}" for title, text in parts)


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "".join(f"| {' | '.join(map(_shown, line))} |\n" for line in lines)


def _shown(value: object) -> str:
    return figure(float(value)) if isinstance(value, int | float) else str(value)


def _measured(measured: Measured) -> str:
    values = asdict(measured)
    return _table(
        ("what", "figure", "unit"),
        ((name, values[key] * factor, unit) for key, (name, unit, factor) in SHOWN.items()),
    )


def _checks(run: Run, measured: Measured) -> str:
    return _table(
        ("what", "by the formula", "measured", "difference"),
        ((c.name, c.computed, c.measured, f"{c.computed / c.measured - 1:+.1%}") for c in checks(run, measured)),
    )


def _plans(loads: Sequence[int], service: float, measured: Measured, assumed: Assumptions, rows: int = 1) -> str:
    found = [plan(load / rows, service, measured, assumed) for load in loads]
    heads = (
        "rows/s",
        "requests/s",
        "hosts, one of them spare",
        "cores a host",
        "workers a host",
        "MiB a host",
        "USD a month",
    )
    return _table(heads, ((one.load * rows, *_facts(one)) for one in found))


def _facts(found: Plan) -> tuple[object, ...]:
    return (found.load, found.hosts, found.cores, found.workers, found.host_mib, found.usd)


def _fleets(measured: Measured, assumed: Assumptions) -> str:
    """What hosts of the largest size do, without a spare."""
    workers = assumed.most_cores - assumed.other_cores
    rate = host_rate(measured.row_unique_headers, workers, measured, assumed)
    heads = (
        f"hosts of {assumed.most_cores} cores",
        "requests/s",
        "connections to PostgreSQL",
        "cores of PostgreSQL",
        "cores of Redis",
    )
    rows = []
    for hosts in FLEETS:
        found = stores(hosts * rate, hosts, workers, measured, assumed)
        rows.append((hosts, hosts * rate, found.connections, found.database_cores, found.redis_cores))
    return _table(heads, rows)


def _stores(measured: Measured, assumed: Assumptions) -> str:
    heads = (
        "requests/s",
        "cores of a host's shipper",
        "cores of PostgreSQL",
        "MB/s written",
        f"TB in {assumed.keep_days} days",
        "USD a month for them",
        "cores of Redis",
        "`RECORDS_SAMPLE` that fits",
    )
    rows = []
    for load in LOADS:
        one = plan(load, measured.row_unique_headers, measured, assumed)
        found = stores(load, one.hosts - 1, one.workers, measured, assumed)
        sizes = (found.written_mb, found.kept_tb, found.kept_usd)
        rows.append((load, found.shipper_cores, found.database_cores, *sizes, found.redis_cores, found.sample))
    ends = _table(
        ("store", "ends at, a second", "by"),
        (
            ("the shipper of a host", assumed.busy / measured.shipped, "records, one process"),
            (
                "PostgreSQL",
                assumed.busy * assumed.database_cores / measured.inserted,
                f"records, {assumed.database_cores} cores",
            ),
            (
                "PostgreSQL",
                _kept_rate(measured, assumed),
                f"records, {assumed.keep_days} days of them on {assumed.database_tb:.0f} TB",
            ),
            ("Redis", assumed.busy / measured.limit, "counts, one core"),
        ),
    )
    return f"{_table(heads, rows)}\n{ends}"


def _kept_rate(measured: Measured, assumed: Assumptions) -> float:
    return assumed.database_tb * 1e12 / (measured.record_bytes * 86_400 * assumed.keep_days)


def _files(measured: Measured, assumed: Assumptions) -> str:
    def hours(rows: float, cores: int, hosts: int = 1) -> float:
        return rows * (1 + measured.growth * (cores - 1)) / (measured.scored_rows * cores * hosts) / 3600

    cores = assumed.most_cores
    return _table(
        ("rows", "hours on one core", f"on one host of {cores} cores", "on 10 such hosts", "on 100"),
        ((rows, hours(rows, 1), hours(rows, cores), *(hours(rows, cores, n) for n in (10, 100))) for rows in FILES),
    )
