"""``python -m tests.strangers``: compare every pair, and write benchmarks/results/strangers.{json,md}."""

import argparse
import json
import platform
import tempfile
from collections import Counter
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.conftest import ROOT
from tests.strangers.comparison import Line, compare
from tests.strangers.pipelines import PAIRS
from tests.strangers.tables import TABLES, Absent
from training.options import PARITY_ROWS

RESULTS = ROOT / "benchmarks" / "results"
HEADS = ("data set", "pipeline", "engine", "rows", "flips", "largest difference", "seconds", "reason")
NAMES = {"onnx": "graph", "sklearn": "scikit-learn", "refused": "refused"}


def summary(lines: list[Line], parity_rows: int) -> str:
    """The first lines of the table: what became of the pairs."""
    counts = Counter(line.engine for line in lines)
    served = [line for line in lines if line.engine != "refused"]
    largest = max((line.largest_difference for line in served), default=0.0)
    parts = ", ".join(f"{counts[engine]} {NAMES[engine]}" for engine in NAMES)
    refused = sum(line.refused_rows for line in served)
    return (
        f"{len(lines)} pairs of {len({line.table for line in lines})} tables and a pipeline: {parts}. "
        f"{sum(line.rows for line in served):,} rows in batches and {sum(line.singly for line in served):,} of them "
        f"singly: {sum(line.flips for line in served)} flips, largest difference {largest:.1e}, {refused} rows of the "
        f"tables themselves refused. Random rows of each pack's own gate: {parity_rows:,}.\n"
    )


def markdown(lines: list[Line], parity_rows: int) -> str:
    """The whole table."""
    rows: list[tuple[str, ...]] = [HEADS, ("---", "---", "---", "---:", "---:", "---:", "---:", "---")]
    for line in lines:
        engine = NAMES[line.engine] + (f" (`{line.options}`)" if line.options else "")
        refused = f"{line.refused_rows} rows refused. " if line.refused_rows else ""
        reason = (refused + line.reason).replace("|", "\\|")
        number = f"{line.largest_difference:.1e}"
        rows.append(
            (line.table, line.pipeline, engine, f"{line.rows:,}", f"{line.flips}", number, f"{line.seconds}", reason)
        )
    sources = "".join(f"- {name}: {table.source}, `{table.member}`\n" for name, table in TABLES.items())
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    return f"{summary(lines, parity_rows)}\n{table}\nThe tables, their packages and licences:\n\n{sources}"


def main() -> None:
    """Compare and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parity-rows", type=int, default=PARITY_ROWS, help="random rows of each pack's own gate")
    parser.add_argument("--only", default="", help="pairs whose name holds this text")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    lines: list[Line] = []
    for pair in PAIRS:
        if options.only not in pair.key:
            continue
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # its service still runs
            try:
                lines.append(compare(pair, Path(folder), options.parity_rows))
            except Absent as exc:
                print(f"{pair.key}: left out, {exc}", flush=True)
                continue
        found = lines[-1]
        print(f"{pair.key}: {found.engine} {found.options} {found.rows} rows, {found.flips} flips,", end=" ")
        print(
            f"{found.largest_difference:.1e}, {found.refused_rows} refused, {found.seconds} s {found.reason}",
            flush=True,
        )
    libraries = {name: version(name) for name in ("scikit-learn", "onnxruntime", "numpy", "pandas")}
    document: dict[str, Any] = {"python": platform.python_version(), "libraries": libraries}
    document |= {"summary": summary(lines, options.parity_rows).strip(), "lines": [asdict(line) for line in lines]}
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "strangers.json").write_text(json.dumps(document, indent=1) + "\n")
    (options.output / "strangers.md").write_text(markdown(lines, options.parity_rows))
    print(summary(lines, options.parity_rows))


if __name__ == "__main__":
    main()
