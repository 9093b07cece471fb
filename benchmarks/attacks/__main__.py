"""The command line: ``attack`` the service, or send it a ``crowd``; each writes its result file."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from benchmarks import environment
from benchmarks.attacks import goodput, ordinary
from benchmarks.attacks.clients import BY_NAME
from benchmarks.attacks.tables import attacks_table, crowds_table
from benchmarks.command import artifact_folder
from benchmarks.faults.service import Service
from benchmarks.load.requests import Request, post
from benchmarks.results import FOLDER
from benchmarks.servers import free_port
from benchmarks.workload import make_pool
from inference.routing import Routing, write_routing

WORKERS = ("inline", "gthread")
RECOVERY = 15.0
"""Seconds after an attack in which the service must be ready again; else it is started anew."""
OVERLOAD_MS = "350"
"""Half of what the clients of a crowd wait."""


@click.group()
def main() -> None:
    """What an ordinary client waits while others attack, and what an impatient crowd gets."""


@main.command()
@click.argument("names", nargs=-1)
@click.option("--seconds", type=click.FloatRange(1, 600), default=5.0, help="Of each attack on each worker.")
@click.option("--out", type=click.Path(path_type=Path), default=FOLDER / "attacks.json", help="The .md lies beside it.")
def attack(names: tuple[str, ...], seconds: float, out: Path) -> None:
    """Measure an ordinary client under each attack, against the inline worker and gthread in turn."""
    if unknown := [name for name in names if name not in BY_NAME]:
        raise click.ClickException(f"There is no attack named {', '.join(unknown)}; there are {', '.join(BY_NAME)}.")
    place, requests = environment.describe(), _requests()
    rows: list[dict[str, Any]] = []
    with contextlib.ExitStack() as stack:
        services = {worker: stack.enter_context(_service(WORKER_CLASS=worker)) for worker in WORKERS}
        for service in services.values():
            ordinary.measure(service.port, requests, 1.0)
        for name in names or tuple(BY_NAME):
            row = {"name": name, "title": BY_NAME[name].title, "load": round(os.getloadavg()[0], 1)}
            for worker, service in services.items():
                row[worker] = _under_attack(name, service, requests, seconds)
            rows.append(row)
            _write(out, {"environment": place, "seconds": seconds, "rows": rows}, attacks_table(rows, place))
            click.echo(attacks_table(rows[-1:], place).splitlines()[2], err=True)


def _under_attack(name: str, service: Service, requests: list[Request], seconds: float) -> dict[str, Any]:
    before = service.workers()
    command = [sys.executable, "-m", "benchmarks.attacks.clients", name, str(service.port)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2]) as attackers:
        try:
            ordinary.measure(service.port, requests, 1.0)  # the crowd gathers
            found = ordinary.measure(service.port, requests, seconds)
        finally:
            attackers.kill()
    killed = len(set(before) - set(service.workers()))
    try:
        service.until(service.ready, RECOVERY)
    except TimeoutError:
        service.stop()
        service.start()
        return found.to_json() | {"killed": killed, "recovers": False}
    return found.to_json() | {"killed": killed, "recovers": True}


@main.command()
@click.option("--clients", type=click.IntRange(1, 10_000), default=1000)
@click.option("--seconds", type=click.FloatRange(1, 600), default=8.0)
@click.option("--out", type=click.Path(path_type=Path), default=FOLDER / "goodput.json", help="The .md lies beside it.")
def crowd(clients: int, seconds: float, out: Path) -> None:
    """Measure the goodput of clients that give up after 0.7 s, obedient or not, with each engine."""
    place, requests = environment.describe(), _requests()
    rows: list[dict[str, Any]] = []
    for engine in ("auto", "sklearn"):
        with _service(ENGINE=engine, OVERLOAD_MS=OVERLOAD_MS) as service:
            ordinary.measure(service.port, requests, 1.0)
            for obedient in (True, False):
                ceiling = goodput.measure(service.port, requests, 16, True, seconds / 2)
                found = goodput.measure(service.port, requests, clients, obedient, seconds)
                rows.append(
                    {"engine": engine, "ceiling": round(ceiling.rate, 1), "load": round(os.getloadavg()[0], 1)}
                    | found.to_json()
                )
                _write(out, {"environment": place, "rows": rows}, crowds_table(rows, place))
    click.echo(crowds_table(rows, place))


def _requests() -> list[Request]:
    pool = make_pool(artifact_folder(None), 500)
    return [post("/predict", json.dumps(row).encode(), True, 1) for row in pool.rows]


@contextlib.contextmanager
def _service(**settings: str) -> Iterator[Service]:
    """The real service with one worker, in a folder of its own."""
    source = artifact_folder(None)
    with tempfile.TemporaryDirectory(prefix="attacks-") as folder:
        work = Path(folder)
        shutil.copytree(source, work / "artifacts" / source.name)
        write_routing(work / "artifacts", Routing(source.name))
        fixed = {"ARTIFACTS_DIR": str(work / "artifacts"), "WEB_CONCURRENCY": "1", "LOG_LEVEL": "warning"}
        service = Service(free_port(), work, fixed | settings)
        try:
            service.start()
            yield service
        finally:
            service.stop()


def _write(out: Path, found: dict[str, Any], table: str) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=1) + "\n")
    out.with_suffix(".md").write_text(table + "\n")


if __name__ == "__main__":
    main()
