"""What a worker weighs by the roads that were used: ``python -m benchmarks.format_memory``, in format_memory.{json,md}.

A server of one worker is started for each row of the table, and asked for batches in these formats and protocols. The
process beside the worker that reads Parquet is counted by itself.
"""

import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np
import orjson
import psutil

from benchmarks import environment, servers
from benchmarks.batch_formats import JSON, OURS, bodies_of, over_http
from benchmarks.readiness import await_ready
from benchmarks.results import FOLDER
from benchmarks.twins.loading import wanted_version
from benchmarks.workload import Pool, make_pool
from schemas.bodies import ARROW, CSV, PARQUET
from service.settings import Settings

OIP, MLFLOW = "Open Inference Protocol", "MLflow"
ROADS = (JSON, CSV, ARROW, PARQUET, OIP, MLFLOW)
USED: tuple[tuple[str, ...], ...] = ((), *((road,) for road in ROADS), ROADS)
REQUESTS = 20


@dataclass(frozen=True, slots=True)
class Weight:
    """MiB of a worker after batches on these roads, and of the process that reads Parquet: 0 where there is none."""

    used: tuple[str, ...]
    resident: float
    private: float
    parquet_private: float


def requests_of(pool: Pool, rows: int) -> dict[str, tuple[str, str, bytes]]:
    """Path, media type and body of the same batch on each road."""
    bodies = bodies_of(pool, rows)
    listed = pool.matrix[np.arange(rows) % len(pool.matrix)].tolist()
    shape = [rows, len(pool.contract.names)]
    flat = [cell for row in listed for cell in row]
    tensor = {"inputs": [{"name": "rows", "shape": shape, "datatype": "FP64", "data": flat}]}
    split = {"dataframe_split": {"columns": list(pool.contract.names), "data": listed}}
    return {road: ("/predict/batch", road, body) for road, body in bodies.items()} | {
        OIP: ("/v2/models/model/infer", JSON, orjson.dumps(tensor)),
        MLFLOW: ("/invocations", JSON, orjson.dumps(split)),
    }


def weigh(artifact: Path, pool: Pool, used: Sequence[str], rows: int) -> Weight:
    """Start a server, send batches, and read the memory of its worker."""
    requests = requests_of(pool, rows)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as work:
        server = servers.start(OURS, artifact, Path(work) / "ours", (), 1, {"RECORDS": "off"})
        try:
            await_ready(server, pool)
            for road in used:
                path, media_type, body = requests[road]
                for _ in range(REQUESTS):
                    over_http(server.port, media_type, body, path)
            (worker,) = [
                one for one in psutil.Process(server.process.pid).children() if "gunicorn" in " ".join(one.cmdline())
            ]
            readers = [one for one in worker.children() if "service.web.parquet_child" in one.cmdline()]
            memory = worker.memory_full_info()
            beside = sum(one.memory_full_info().uss for one in readers)
            return Weight(tuple(used), memory.rss / 2**20, memory.uss / 2**20, beside / 2**20)
        finally:
            server.stop()


def table(weights: Sequence[Weight]) -> str:
    """Markdown."""
    lines = ["| roads used | worker, resident MiB | of these its own | beside it, its own |", "|---|---:|---:|---:|"]
    for one in weights:
        used = "all" if one.used == ROADS else ", ".join(one.used) or "none"
        lines.append(f"| {used} | {one.resident:.0f} | {one.private:.0f} | {one.parquet_private:.0f} |")
    return "\n".join(lines)


@click.command()
@click.option("--artifact", type=click.Path(exists=True, file_okay=False, path_type=Path), help="A model of numbers.")
@click.option("--rows", default=1_000, help="Of a batch.")
def main(artifact: Path | None, rows: int) -> None:
    """Measure, write, print."""
    settings = Settings.read(os.environ)
    folder = (artifact or settings.artifacts_dir / wanted_version(settings)).resolve()
    pool = make_pool(folder, 2_000)
    weights = [weigh(folder, pool, used, rows) for used in USED]
    document = {"environment": environment.describe(), "rows": rows, "weights": list(map(asdict, weights))}
    (FOLDER / "format_memory.json").write_text(json.dumps(document, indent=2) + "\n")
    text = f"{table(weights)}\n\n{REQUESTS} batches of {rows:,} rows on each road; model {folder.name}.\n"
    (FOLDER / "format_memory.md").write_text(text)
    click.echo(text)


if __name__ == "__main__":
    main()
