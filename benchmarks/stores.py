"""What the shared stores cost: ``python -m benchmarks.stores`` writes results/stores.json; benchmarks.scaling reads it.

CPU time only, so that other programs disturb little: of the shipper and of PostgreSQL for one record (under SQLite the
shipper does both), of Redis for one count of a rate limit; and the bytes that a record and a counter take.
"""

import json
import math
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import orjson
import psutil

from benchmarks.budget import recorded
from benchmarks.environment import describe
from benchmarks.faults.programs import Postgres, Redis
from benchmarks.results import FOLDER
from benchmarks.twins.loading import wanted_version
from benchmarks.workload import make_pool
from service.access.rate_limit import make_limiter
from service.app import create_app
from service.records import Record
from service.records.shipper.loader import Loader
from service.records.shipper.sinks import connect, ensure_schema
from service.records.spool.files import spool_folder
from service.records.spool.writer import Writer
from service.settings import Settings
from service.web.tracing import new_id

DISTINCT, RECORDS, COUNTS, ROUNDS = 512, 20_000, 20_000, 5


def main() -> None:
    """Measure, write, print."""
    with tempfile.TemporaryDirectory() as folder:
        records = _records(Path(folder))
        postgres, redis = Postgres(), Redis(Path(folder))
        try:
            found = {
                "environment": describe(),
                "rounds": ROUNDS,
                "records": RECORDS,
                "postgresql": _shipped(Path(folder), records, postgres),
                "sqlite": _shipped(Path(folder), records, None),
                "redis": _limits(Path(folder), redis),
            }
        finally:
            postgres.remove()
            redis.stop()
    (FOLDER / "stores.json").write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps({name: found[name] for name in ("postgresql", "sqlite", "redis")}, indent=2))


def _records(folder: Path) -> list[Record]:
    """The records that the service itself makes of requests of one row."""
    settings = Settings.read({**os.environ, "VAR_DIR": str(folder / "made"), "LOG_LEVEL": "error"})
    pool = make_pool(settings.artifacts_dir / wanted_version(settings), DISTINCT)
    return recorded(create_app(settings), [orjson.dumps(row) for row in pool.rows])


def _shipped(folder: Path, records: list[Record], postgres: Postgres | None) -> dict[str, Any]:
    """Microseconds of CPU a record, of the shipper and of PostgreSQL; bytes with the indexes."""
    var = folder / ("sqlite" if postgres is None else "postgresql")
    settings = Settings.read({**os.environ, "VAR_DIR": str(var), "DATABASE_URL": postgres.url if postgres else ""})
    ensure_schema(settings)
    shipper, server = [], []
    for _ in range(ROUNDS):
        _spool(settings, records)
        sink = connect(settings)
        processes = postgres.processes() if postgres else []  # the one that serves this connection among them
        before = _cpu(processes), time.process_time()
        Loader(spool_folder(settings)).load(sink, math.inf)
        after = _cpu(processes), time.process_time()
        sink.close()  # later: what a backend used is gone with it
        server.append((after[0] - before[0]) / RECORDS * 1e6)
        shipper.append((after[1] - before[1]) / RECORDS * 1e6)
    if postgres is None:
        size = sum(path.stat().st_size for path in var.glob("predictions.db*"))
        return {"shipper_us": median(shipper), "bytes_a_record": size / (RECORDS * ROUNDS)}
    ((rows, table),) = postgres.query("SELECT count(*), pg_total_relation_size('predictions') FROM predictions")
    assert rows == RECORDS * ROUNDS, f"{rows} rows arrived of {RECORDS * ROUNDS}"
    return {
        "shipper_us": median(shipper),
        "server_us": median(server),
        "bytes_a_record": float(str(table)) / (RECORDS * ROUNDS),
    }


def _spool(settings: Settings, records: list[Record]) -> None:
    """Fill the spool as workers do; each record once, under a key of its own."""
    folder = spool_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    writer = Writer(folder, frozenset())
    writer.open()
    for number in range(RECORDS):
        writer.append(replace(records[number % len(records)], prediction_id=new_id()))
    writer.close()


def _limits(folder: Path, redis: Redis) -> dict[str, float]:
    """Microseconds of Redis' CPU that one count of a rate limit takes, and bytes that a client's counter takes."""
    address = f"redis://127.0.0.1:{redis.port}/0"
    settings = Settings.read({**os.environ, "VAR_DIR": str(folder), "REDIS_URL": address, "RATE_LIMIT": "1000000/hour"})
    limiter = make_limiter(settings)
    assert limiter is not None
    process = psutil.Process(redis.process.pid)
    limiter.check("first")  # opens the connection
    empty = _used_memory(redis)
    taken = []
    for number in range(ROUNDS):
        before = _cpu([process])
        for place in range(COUNTS):
            limiter.check(f"client-{number}-{place}")
        taken.append((_cpu([process]) - before) / COUNTS * 1e6)
    return {"limit_us": median(taken), "bytes_a_client": (_used_memory(redis) - empty) / (COUNTS * ROUNDS)}


def _used_memory(redis: Redis) -> int:
    answer = redis.command("INFO", "memory").decode()
    return int(next(line for line in answer.splitlines() if line.startswith("used_memory:")).partition(":")[2])


def _cpu(processes: list[psutil.Process]) -> float:
    """Seconds of CPU that these processes have used, and those of their children that have ended."""
    return sum(sum(process.cpu_times()[:4]) for process in processes if process.is_running())


if __name__ == "__main__":
    main()
