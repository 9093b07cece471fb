"""The formulas of docs/scaling.md, over what the lab measured and over ``Assumptions``."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.results import FOLDER, Run


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What no measurement says. ``most_cores`` of a host; ``busy``: the share of its time that a worker may work.

    ``other_cores`` of each host are left to the shipper, the proxy and the system. Prices are guesses in US dollars, of
    the order of what clouds ask: put in your own. ``database_*`` is what one PostgreSQL server is given.
    """

    most_cores: int = 16
    other_cores: int = 1
    busy: float = 0.7
    usd_core_hour: float = 0.04
    usd_gb_month: float = 0.10
    hours_a_month: int = 730
    keep_days: int = 190
    database_cores: int = 16
    database_tb: float = 16.0


@dataclass(frozen=True, slots=True)
class Measured:
    """Medians of the lab. Times are seconds of CPU, of one request, row or count; memory is MiB.

    ``growth`` is by how much a further worker on the host makes each request dearer.
    """

    row: float
    row_unique_headers: float
    batch_100: float
    growth: float
    first_worker: float
    next_worker: float
    shipped: float
    inserted: float
    record_bytes: float
    limit: float
    client_bytes: float
    scored_rows: float

    @classmethod
    def read(cls, folder: Path = FOLDER) -> "Measured":
        """From the result files of this folder."""
        run = Run.read(folder / "all.json")
        stores = json.loads((folder / "stores.json").read_bytes())
        scoring = json.loads((folder / "scoring.json").read_bytes())
        memory = run.facts["memory"]["pss_mib"]
        one, two = cpu_of(run, "one_row"), cpu_of(run, "two_workers")
        return cls(
            row=one,
            row_unique_headers=cpu_of(run, "one_row_unique_headers"),
            batch_100=cpu_of(run, "batch_100"),
            growth=max(0.0, two / one - 1),
            first_worker=memory["1"],
            next_worker=(memory["3"] - memory["1"]) / 2,
            shipped=stores["postgresql"]["shipper_us"] / 1e6,
            inserted=stores["postgresql"]["server_us"] / 1e6,
            record_bytes=stores["postgresql"]["bytes_a_record"],
            limit=stores["redis"]["limit_us"] / 1e6,
            client_bytes=stores["redis"]["bytes_a_client"],
            scored_rows=scoring["rows"] / median(scoring["scoring_cpu_seconds"]),
        )


def cpu_of(run: Run, scenario: str) -> float:
    """Seconds of the server's CPU that a request takes."""
    return median(m.server_cpu / m.requests for m in run.cell(scenario, "ours"))


@dataclass(frozen=True, slots=True)
class Plan:
    """Hosts for a load, one more than it needs, with so many cores and workers each; USD a month for all of them."""

    load: float
    hosts: int
    cores: int
    workers: int
    host_mib: float
    usd: float


def host_rate(service: float, workers: int, measured: Measured, assumed: Assumptions) -> float:
    """Requests a second of one host: busy * workers / (service * (1 + growth * (workers - 1)))."""
    return assumed.busy * workers / (service * (1 + measured.growth * (workers - 1)))


def host_memory(workers: int, measured: Measured) -> float:
    """MiB of the service: the first worker with master and shipper, then each further worker."""
    return measured.first_worker + (workers - 1) * measured.next_worker


def plan(load: float, service: float, measured: Measured, assumed: Assumptions) -> Plan:
    """The smallest host (2, 4, 8... cores) that takes the load, or as many of the largest as it needs; and a spare."""
    cores = assumed.other_cores + 1
    while cores < assumed.most_cores and host_rate(service, cores - assumed.other_cores, measured, assumed) < load:
        cores = min(2 * cores, assumed.most_cores)
    workers = cores - assumed.other_cores
    hosts = math.ceil(load / host_rate(service, workers, measured, assumed)) + 1
    usd = hosts * cores * assumed.usd_core_hour * assumed.hours_a_month
    return Plan(load, hosts, cores, workers, host_memory(workers, measured), usd)


@dataclass(frozen=True, slots=True)
class Store:
    """What the stores get from a load in which each request is of one row, recorded, and counted against a limit.

    ``*_cores`` are cores that would be busy all the time; ``sample`` is the largest RECORDS_SAMPLE that every one of
    shipper, PostgreSQL's cores and its disk takes.
    """

    shipper_cores: float
    database_cores: float
    written_mb: float
    kept_tb: float
    kept_usd: float
    connections: int
    redis_cores: float
    sample: float


def stores(load: float, hosts: int, workers: int, measured: Measured, assumed: Assumptions) -> Store:
    """One PostgreSQL and one Redis for ``hosts`` that share the load; a connection a worker, shipper and monitor."""
    kept = load * measured.record_bytes * 86_400 * assumed.keep_days
    shipper, database = load / hosts * measured.shipped, load * measured.inserted
    fits = (assumed.busy / shipper, assumed.busy * assumed.database_cores / database, assumed.database_tb * 1e12 / kept)
    return Store(
        shipper_cores=shipper,
        database_cores=database,
        written_mb=load * measured.record_bytes / 1e6,
        kept_tb=kept / 1e12,
        kept_usd=kept / 1e9 * assumed.usd_gb_month,
        connections=hosts * (workers + 2),
        redis_cores=load * measured.limit,
        sample=min(1.0, *fits),
    )


@dataclass(frozen=True, slots=True)
class Check:
    """A formula beside the lab's own figure."""

    name: str
    computed: float
    measured: float


def checks(run: Run, measured: Measured) -> list[Check]:
    """The rate that one worker's service time gives for the cores that one and two workers used; and memory of two."""
    found = []
    for workers, scenario in ((1, "one_row"), (2, "two_workers")):
        used = median(m.server_cpu / m.seconds for m in run.cell(scenario, "ours"))
        rate = median(m.rate for m in run.cell(scenario, "ours"))
        name = f"requests/s, {workers} worker{'s' * (workers > 1)} on {used:.2f} cores"
        found.append(Check(name, used / measured.row, rate))
    memory = run.facts["memory"]["pss_mib"]["2"]
    return [*found, Check("MiB, 2 workers", host_memory(2, measured), memory)]
