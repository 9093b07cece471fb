"""One trial: a service, a load, a fault, and the account: what was answered, how, and what is in the records."""

import contextlib
import random
import re
import shutil
import sqlite3
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.faults.definition import Fault
from benchmarks.faults.load import CheckedLoad, Tally
from benchmarks.faults.service import Service
from benchmarks.faults.shim import Control, compiled
from benchmarks.servers import free_port
from benchmarks.workload import Pool
from inference.routing import Routing, write_routing
from service.access.tokens import SCOPES, line_of

BEFORE_SECONDS, AFTER_SECONDS = 1.5, 1.5
TOKEN = "the-token-of-the-load"  # noqa: S105 - of a service that lives for seconds


@dataclass(frozen=True, slots=True)
class Account:
    """What one fault cost.

    ``refused``: 429 and 503; ``failed``: any other answer, or none. ``lost``: answers without a record; ``counted``:
    what the service itself says it lost; ``doubled``: answers with more than one record. ``broken``: the promises that
    did not hold, in sentences.
    """

    name: str
    title: str
    seed: int
    sent: int
    right: int
    refused: int
    failed: int
    wrong: int
    lost: int
    counted: int
    doubled: int
    seconds: float
    broken: tuple[str, ...] = ()
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """Its fields."""
        return asdict(self)


def run_trial(fault: Fault, artifact: Path, pool: Pool, seed: int) -> Account:
    """Break one service of its own."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        service = _service(fault, artifact, Path(folder))
        try:
            tally, problem = _broken_under_load(service, fault, pool, seed)
            service.until(lambda: not service.shippers(), 120)  # one of a deleted spool is known to nobody else
            service.command("records", "ship")
            counted = _counted(service.command("records", "status"))
            records = _records(service, fault)
        finally:
            service.stop_helpers()
    return account_of(fault, seed, tally, records, counted, time.monotonic() - began, problem)


def _broken_under_load(service: Service, fault: Fault, pool: Pool, seed: int) -> tuple[Tally, str]:
    """What the clients saw, and what went wrong besides."""
    load = CheckedLoad(service.port, pool, TOKEN if "API_TOKENS_FILE" in service.settings else "")
    problem = ""
    try:
        service.start()
        with load:
            load.for_seconds(BEFORE_SECONDS)
            try:
                fault.make(service, random.Random(seed))
                service.until(service.ready)
            except TimeoutError as exc:
                problem = str(exc)
            load.for_seconds(AFTER_SECONDS)
    except TimeoutError as exc:
        problem = str(exc)
    finally:
        if service.control is not None:
            service.control.end()
        service.stop()
    return load.tally, problem


def _service(fault: Fault, artifact: Path, work: Path) -> Service:
    copy = work / "artifacts"
    shutil.copytree(artifact, copy / artifact.name)
    write_routing(copy, Routing(artifact.name))
    (work / "tokens").write_text(line_of("load", TOKEN, SCOPES) + "\n")
    service = Service(free_port(), work, {"ARTIFACTS_DIR": str(copy), "WEB_CONCURRENCY": "2"}, fault.arguments)
    service.proxied = "postgres" if "postgres" in fault.needs else "redis"
    for name, value in fault.settings:
        service.settings[name] = value.format_map(_Values(service))
    if fault.shim:
        service.control = Control(work / "control")
        shim = {"LD_PRELOAD": str(compiled(work)), "FAULT_PATH": fault.shim, "FAULT_CONTROL": str(service.control.path)}
        service.settings |= shim
    if fault.log_pipe:
        service.log_reader = threading.Event()
        service.log_reader.set()
    return service


class _Values(dict[str, str]):
    """What may stand in a fault's settings; each program is started when its port is asked for."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def __missing__(self, name: str) -> str:
        if name == "tokens":
            return str(self._service.work / "tokens")
        owner = getattr(self._service, "proxy" if name.startswith("slow_") else name)
        return str(owner.port)


def _records(service: Service, fault: Fault) -> Counter[str]:
    """How many records each prediction_id has."""
    query = "SELECT prediction_id FROM predictions"
    if "postgres" in fault.needs:
        return Counter(str(row[0]) for row in service.postgres.query(query))
    with contextlib.closing(sqlite3.connect(service.var / "predictions.db")) as database:
        return Counter(row[0] for row in database.execute(query))


def _counted(status: str) -> int:
    found = re.search(r"^lost +(\d+) rows$", status, re.MULTILINE)
    return int(found[1]) if found else 0


def account_of(
    fault: Fault, seed: int, tally: Tally, records: Mapping[str, int], counted: int, seconds: float, problem: str
) -> Account:
    """The account of a trial: ``records`` is how many each prediction_id has, ``problem`` what went wrong besides."""
    counts = tally.counts
    lost = sum(1 for one in tally.answered if one not in records)
    doubled = sum(1 for count in records.values() if count > 1)
    broken = [problem] if problem else []
    if counts["wrong"]:
        broken.append(f"{counts['wrong']} answers were wrong")
    if doubled:
        broken.append(f"{doubled} answers have two records")
    if not lost <= counted <= lost + counts["failed"]:
        broken.append(f"{lost} records are lost, and the service counts {counted}")
    if counts["failed"] and not fault.outage:
        broken.append(f"{counts['failed']} requests failed")
    if not counts["right"]:
        broken.append("no request was answered")
    if broken:
        broken += tally.examples
    note = f"may fail: {fault.outage}" if fault.outage else ""
    parts = {name: counts[name] for name in ("right", "refused", "failed", "wrong")}
    return Account(
        fault.name,
        fault.title,
        seed,
        counts.total(),
        **parts,
        lost=lost,
        counted=counted,
        doubled=doubled,
        seconds=round(seconds, 1),
        broken=tuple(broken),
        note=note,
    )
