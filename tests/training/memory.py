"""``python -m tests.training.memory``: the memory that training takes of a large table, as a result file.

A table is written as CSV, compressed, as a folder and as Parquet; a process trains on each, and its peak is measured.
"""

import argparse
import gzip
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.conftest import ROOT, clean_environment

RESULTS = ROOT / "benchmarks" / "results"
NAMES = ("a", "b", "c", "d", "e", "f", "visits", "grade", "city", "y")
BLOCK_ROWS, PARTS = 20_000, 4
HEADS = ("table", "MB of text", "options", "exit code", "peak MB", "of the text", "what it said")


def block() -> list[str]:
    """Rows of a table that can be learned from; it is repeated until the file is large."""
    draw = random.Random(4)
    rows = []
    for _ in range(BLOCK_ROWS):
        numbers = [f"{draw.gauss(0, 1):.6f}" for _ in range(6)]
        visits, city = draw.randrange(9), draw.choice(["Bonn", "Rome", "Oslo"])
        label = "yes" if float(numbers[0]) + visits / 4 > 1 else "no"
        rows.append(",".join((*numbers, str(visits), str(draw.randrange(5)), city, label)) + "\n")
    return rows


def write(folder: Path, megabytes: int) -> tuple[dict[str, Path], int]:
    """The table in each form; and its size as CSV in bytes."""
    rows = block()
    text, header = "".join(rows).encode(), (",".join(NAMES) + "\n").encode()
    times = max(megabytes * 1_000_000 // len(text), 1)
    paths = {name: folder / name for name in ("table.csv", "table.csv.gz", "folder", "table.parquet")}
    paths["folder"].mkdir()
    parts = [(paths["folder"] / f"part-{number}.csv").open("wb") for number in range(PARTS)]
    columns = list(zip(*(row.strip().split(",") for row in rows), strict=True))
    arrays = [pa.array(np.array(column, float) if place < 6 else column) for place, column in enumerate(columns)]
    table = pa.table(arrays, names=list(NAMES))
    with (
        paths["table.csv"].open("wb") as plain,
        gzip.open(paths["table.csv.gz"], "wb", 1) as packed,
        pq.ParquetWriter(paths["table.parquet"], table.schema) as parquet,
    ):
        for file in (plain, packed, *parts):
            file.write(header)
        for number in range(times):
            plain.write(text)
            packed.write(text)
            parts[number % PARTS].write(text)
            parquet.write_table(table)
    for part in parts:
        part.close()
    return paths, paths["table.csv"].stat().st_size


def train(path: Path, *options: str) -> tuple[int, float, str]:
    """Exit code, peak of its resident memory in MB, and the last line of what it printed."""
    root = Path(tempfile.mkdtemp(dir=path.parent))
    command = [sys.executable, "-m", "training", "--data", str(path), "--target", "y", "--no-card"]
    log = root / "log"
    environment = clean_environment() | {"ARTIFACTS_DIR": str(root / "artifacts")}
    with log.open("wb") as output:
        started = subprocess.Popen([*command, *options], cwd=ROOT, env=environment, stdout=output, stderr=output)
        _, status, used = os.wait4(started.pid, 0)
    started.returncode = os.waitstatus_to_exitcode(status)
    lines = [line for line in log.read_text().splitlines() if line.startswith("Error")] or ["an artifact"]
    shutil.rmtree(root)
    return started.returncode, used.ru_maxrss / 1000, lines[-1].replace(str(path), path.name).replace("|", "\\|")


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1000, help="size of the table as CSV")
    parser.add_argument("--rows", type=int, default=200_000, help="rows that training draws of it")
    parser.add_argument("--output", type=Path, default=RESULTS)
    chosen = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory() as folder:
        paths, size = write(Path(folder), chosen.megabytes)
        for name, path in paths.items():
            for options in ((), ("--rows", str(chosen.rows), "--model", "decision_tree")):
                code, peak, said = train(path, *options)
                found.append(
                    (name, round(size / 1e6), " ".join(options), code, round(peak), round(peak * 1e6 / size, 3), said)
                )
                print(found[-1], flush=True)
    rows = [HEADS, ("---", "---:", "---", "---:", "---:", "---:", "---"), *found]
    (chosen.output / "memory.md").write_text("".join(f"| {' | '.join(map(str, row))} |\n" for row in rows))
    document = [dict(zip(HEADS, row, strict=True)) for row in found]
    (chosen.output / "memory.json").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
