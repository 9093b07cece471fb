"""What a whole file costs: ``python -m benchmarks.scoring`` writes results/scoring.{json,md}.

CPU time of scoring a Parquet file, from planning to OUT in place, against the engine alone on the same rows in memory,
in alternating rounds; and the most memory of the command for a file and for one ten times as long.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import environment
from benchmarks.results import FOLDER
from benchmarks.statistics import ratio
from scoring.scorer import load_scorer
from scoring.session import Options, model_spec, score


@click.command()
@click.option("--rows", default=100_000, show_default=True, type=click.IntRange(1000), help="Rows of the shorter file.")
@click.option("--rounds", default=7, show_default=True, type=click.IntRange(3), help="Alternating rounds.")
def main(rows: int, rounds: int) -> None:
    """Measure the cost of whole files with the stable model of ARTIFACTS_DIR."""
    with tempfile.TemporaryDirectory() as work:
        short, long = Path(work) / "short.parquet", Path(work) / "long.parquet"
        columns = _write(short, rows)
        _write(long, 10 * rows)
        engine, whole = _rounds(short, columns, rounds)
        peaks = [_peak(path, Path(work)) for path in (short, long)]
    share = ratio([1 / seconds for seconds in whole], [1 / seconds for seconds in engine])
    found = {
        "environment": environment.describe(),
        "rows": rows,
        "engine_cpu_seconds": engine,
        "scoring_cpu_seconds": whole,
        "memory": {"rows": [rows, 10 * rows], "peak_mib": peaks},
    }
    (FOLDER / "scoring.json").write_text(json.dumps(found, indent=2) + "\n")
    lines = [
        "| what | figure |",
        "|---|---:|",
        f"| the engine alone, rows a second of CPU | {rows / np.median(engine):,.0f} |",
        f"| Parquet to Parquet, rows a second of CPU | {rows / np.median(whole):,.0f} |",
        f"| share of the engine's, with its 95 % interval | {share} |",
        f"| most memory, {rows:,} rows | {peaks[0]:.0f} MiB |",
        f"| most memory, {10 * rows:,} rows | {peaks[1]:.0f} MiB |",
    ]
    (FOLDER / "scoring.md").write_text("\n".join(lines) + "\n")
    click.echo("\n".join(lines))


def _write(path: Path, rows: int) -> dict[str, Any]:
    """A Parquet file of one row group with valid rows, drawn within the ranges that training saw; its columns."""
    contract = load_scorer(model_spec(None)).model.manifest.contract
    draw = np.random.default_rng(0)
    columns = {feature.name: _column(contract.bounds(feature), feature, rows, draw) for feature in contract.features}
    pq.write_table(pa.table(columns), path, row_group_size=rows)
    return columns


def _column(bounds: tuple[float, float], feature: Any, rows: int, draw: np.random.Generator) -> Any:
    if feature.choices:
        return draw.choice(feature.choices, rows)
    if feature.type == "boolean":
        return draw.random(rows) < 0.5
    if feature.type == "text":
        return [feature.example] * rows
    low = max(bounds[0], feature.observed.get("minimum", bounds[0]))
    high = min(bounds[1], feature.observed.get("maximum", bounds[1]))
    return draw.integers(int(low), int(high) + 1, rows) if feature.type == "integer" else draw.uniform(low, high, rows)


def _rounds(path: Path, columns: dict[str, Any], rounds: int) -> tuple[list[float], list[float]]:
    scorer = load_scorer(model_spec(None))
    matrix = scorer.model.reader.check_columns(columns).matrix
    size = Options("", Path()).chunk

    def engine() -> None:
        for begin in range(0, len(matrix), size):
            scorer.model.engine.predict(matrix[begin : begin + size])

    def whole() -> None:
        score(Options(str(path), path.with_name("out.parquet")))

    for call in (engine, whole):  # the first of each is the slowest
        call()
    found = [(_cpu(engine), _cpu(whole)) for _ in range(rounds)]
    return [one for one, _ in found], [one for _, one in found]


def _cpu(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


def _peak(path: Path, work: Path) -> float:
    """MiB of the command's process at its largest."""
    command = [sys.executable, "-m", "scoring", str(path), str(work / "peak.parquet"), "--workers", "1"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise click.ClickException(f"{' '.join(command)} failed")
    return used.ru_maxrss / 1024


if __name__ == "__main__":
    main()
