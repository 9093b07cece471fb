"""What a wide batch costs in each format: ``python -m benchmarks.batch_formats``, in results/batch_formats.{json,md}.

CPU time of a batch, in two ways: the application's call in this process, and all processes of the real server without
the shipper of records. The engine alone, on a ready matrix, and the tuned FastAPI twin's JSON stand beside them. Rounds
alternate, and ratios are of paired rounds, so that a busy machine spoils no ratio.
"""

import csv
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np
import orjson
import pyarrow as pa
from pyarrow import parquet

from benchmarks import environment, servers
from benchmarks.readiness import await_ready
from benchmarks.results import FOLDER
from benchmarks.statistics import figure, ratio
from benchmarks.targets import BY_NAME
from benchmarks.workload import Pool, make_pool
from benchmarks.wsgi_call import make_environ
from schemas.bodies import ARROW, CSV, PARQUET
from service.app import create_app
from service.records import recorder
from service.settings import Settings

JSON, ENGINE, TWIN = "application/json", "engine alone", "tuned twin, JSON"
TRAINED_ROWS, LEAST_ROUNDS = 6_000, 5
CALLS, REQUESTS = 2, 4
"""Batches of one round, in process and of a server."""
OURS, TUNED = BY_NAME["ours"], BY_NAME["tuned"]
Times = dict[str, list[float]]


def bodies_of(pool: Pool, rows: int) -> dict[str, bytes]:
    """The same rows in each format, by media type."""
    matrix = pool.matrix[np.arange(rows) % len(pool.matrix)]
    names = pool.contract.names
    table = pa.table(dict(zip(names, matrix.T.copy(), strict=True)))
    arrow, file, text = io.BytesIO(), io.BytesIO(), io.StringIO()
    with pa.ipc.new_stream(arrow, table.schema) as writer:
        writer.write_table(table)
    parquet.write_table(table, file)
    listed = matrix.tolist()
    csv.writer(text).writerows([names, *listed])
    return {
        JSON: orjson.dumps({"instances": [dict(zip(names, row, strict=True)) for row in listed]}),
        CSV: text.getvalue().encode(),
        ARROW: arrow.getvalue(),
        PARQUET: file.getvalue(),
    }


@contextmanager
def wide_artifact(numbers: int, given: Path | None) -> Iterator[Path]:
    """The artifact that is given, or one of so many numbers: a random forest, trained on drawn rows for this run."""
    if given is not None:
        yield given.resolve()
        return
    draw = np.random.default_rng(0)
    rows = draw.normal(size=(TRAINED_ROWS, numbers))
    target = (rows[:, :5].sum(axis=1) + draw.normal(size=TRAINED_ROWS) > 0).astype(int)
    with tempfile.TemporaryDirectory() as work:
        data, root = Path(work) / "wide.csv", Path(work) / "artifacts"
        header = ",".join([*(f"x{number}" for number in range(numbers)), "y"])
        np.savetxt(data, np.column_stack([rows, target]), "%.17g", ",", header=header, comments="")
        command = [sys.executable, "-m", "training", "--data", str(data), "--target", "y"]
        done = subprocess.run(command, env={**os.environ, "ARTIFACTS_DIR": str(root)}, capture_output=True, text=True)
        if done.returncode:
            raise click.ClickException(f"The wide model could not be trained:\n{done.stderr}")
        yield next(root.glob("*/manifest.json")).parent


def in_process(app: Any, media_type: str, body: bytes) -> None:
    """One batch through the application; an answer in Arrow to Arrow and Parquet, in JSON or CSV to the others."""
    statuses: list[str] = []
    environ = make_environ(body, "/predict/batch") | {"CONTENT_TYPE": media_type, "HTTP_ACCEPT": _accept(media_type)}
    b"".join(app(environ, lambda status, headers, exc_info=None: statuses.append(status)))
    if not statuses[0].startswith("200"):
        raise click.ClickException(f"{media_type} was answered {statuses[0]}")


def over_http(port: int, media_type: str, body: bytes, path: str = "/predict/batch") -> None:
    """One batch to a server."""
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("POST", path, body, {"Content-Type": media_type, "Accept": _accept(media_type)})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    if answer.status != 200:
        raise click.ClickException(f"{path} answered {answer.status} to {media_type}")


def _accept(media_type: str) -> str:
    return media_type if media_type in (JSON, CSV) else ARROW


def _serving_seconds(server: servers.Server) -> float:
    """CPU time of the processes that serve: not of the shipper, which loads records into the database."""
    spent = 0.0
    for process in server.tree():
        with suppress(Exception):  # it has ended
            if not any("shipper" in part for part in process.cmdline()):
                spent += sum(process.cpu_times()[:2])
    return spent


def _measure(works: dict[str, tuple[Callable[[], object], Callable[[], float]]], rounds: int, batches: int) -> Times:
    """Milliseconds of CPU a batch takes, by round; ``works`` has for each name the call and the clock."""
    for call, _ in works.values():
        call()
    times: Times = {name: [] for name in works}
    for number in range(rounds):
        for name in works if number % 2 == 0 else reversed(works):
            call, clock = works[name]
            began = clock()
            for _ in range(batches):
                call()
            times[name].append((clock() - began) / batches * 1000)
    return times


def _works_in_process(pool: Pool, bodies: dict[str, bytes], apps: dict[str, Any], rows: int) -> Any:
    matrix = np.ascontiguousarray(pool.matrix[np.arange(rows) % len(pool.matrix)])
    works: dict[str, Any] = {ENGINE: (lambda: pool.engine.predict(matrix), time.thread_time)}
    for title, app in apps.items():
        for media_type, body in bodies.items():
            works[f"{media_type}, {title}"] = (
                lambda a=app, m=media_type, b=body: in_process(a, m, b),
                time.thread_time,
            )
    return works


def _apps(artifact: Path, work: Path) -> dict[str, Any]:
    given = {**os.environ, "ARTIFACTS_DIR": str(artifact.parent), "MODEL_VERSION": artifact.name}
    found = {}
    for title, records in (("without records", "off"), ("with records", "on")):
        settings = Settings.read({**given, "VAR_DIR": str(work / records), "RECORDS": records})
        found[title] = create_app(settings)
    return found


def measure_in_process(artifact: Path, pool: Pool, bodies: dict[str, bytes], rows: int, rounds: int) -> Times:
    """The application's call beside the engine."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as work:
        stdout, log = os.dup(1), os.open(Path(work) / "log", os.O_WRONLY | os.O_CREAT)
        os.dup2(log, 1)  # the log goes to a file, as in service
        try:
            return _measure(_works_in_process(pool, bodies, _apps(artifact, Path(work)), rows), rounds, CALLS)
        finally:
            os.dup2(stdout, 1)
            recorder.close_all()


def measure_servers(artifact: Path, pool: Pool, bodies: dict[str, bytes], rows: int, rounds: int) -> Times:
    """The real servers beside the engine."""
    matrix = np.ascontiguousarray(pool.matrix[np.arange(rows) % len(pool.matrix)])
    works: dict[str, Any] = {ENGINE: (lambda: pool.engine.predict(matrix), time.thread_time)}
    with ExitStack() as stack, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as work:
        for title, target, variables in (
            ("without records", OURS, {"RECORDS": "off"}),
            ("with records", OURS, {}),
            (TWIN, TUNED, {}),
        ):
            server = servers.start(target, artifact, Path(work) / title.replace(" ", "-"), (), 1, variables)
            stack.callback(server.stop)
            await_ready(server, pool)
            for media_type, body in bodies.items():
                if target is OURS or media_type == JSON:
                    name = f"{media_type}, {title}" if target is OURS else TWIN
                    call = lambda p=server.port, m=media_type, b=body: over_http(p, m, b)  # noqa: E731 - one of many
                    works[name] = (call, lambda s=server: _serving_seconds(s))
        return _measure(works, rounds, REQUESTS)


def table(found: dict[str, Times]) -> str:
    """Markdown: the time of a batch, and the engine's share of it with its interval."""
    lines = ["| batch | in process, ms | engine / it | real server, ms | engine / it |", "|---|---:|---:|---:|---:|"]
    here, there = found["in_process"], found["servers"]
    for name in dict.fromkeys([*here, *there]):
        cells = []
        for times in (here, there):
            shown = name in times
            cells += [figure(median(times[name])), str(ratio(times[ENGINE], times[name]))] if shown else ["-", "-"]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    arrow = next(name for name in there if name.startswith(ARROW) and "with records" in name)
    return "\n".join(
        [
            *lines,
            "",
            f"The tuned twin's JSON takes {ratio(there[TWIN], there[arrow])} of Arrow with records, and "
            f"{ratio(there[TWIN], there[ENGINE])} of the engine alone: no format can reach more.",
        ]
    )


@click.command()
@click.option("--rows", default=10_000, help="Of a batch.")
@click.option("--numbers", default=30, help="Features of the model that is trained for it.")
@click.option("--artifact", type=click.Path(exists=True, file_okay=False, path_type=Path), help="A model of numbers.")
@click.option("--rounds", type=click.IntRange(LEAST_ROUNDS), default=9)
def main(rows: int, numbers: int, artifact: Path | None, rounds: int) -> None:
    """Measure, write, print."""
    with wide_artifact(numbers, artifact) as folder:
        pool = make_pool(folder, 2_000)
        bodies = bodies_of(pool, rows)
        found = {
            "in_process": measure_in_process(folder, pool, bodies, rows, rounds),
            "servers": measure_servers(folder, pool, bodies, rows, rounds),
        }
    about = {"rows": rows, "numbers": numbers, "bytes": {name: len(body) for name, body in bodies.items()}}
    document = {"environment": environment.describe(), **about, **found}
    (FOLDER / "batch_formats.json").write_text(json.dumps(document, indent=2) + "\n")
    text = (
        f"{rows:,} rows of {numbers} numbers, random forest; medians of {rounds} rounds, CPU time.\n\n{table(found)}\n"
    )
    (FOLDER / "batch_formats.md").write_text(text)
    click.echo(text)


if __name__ == "__main__":
    main()
