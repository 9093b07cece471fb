"""The command line: ``python -m scoring IN OUT``. Exit codes: 0 done, 1 stopped, 2 usage, 130 interrupted."""

import csv
import os
import sys
from pathlib import Path

import click

from scoring.inputs import ENDINGS
from scoring.refusals import ScoringError, library

HELP = f"""Answer a whole file: a prediction for each of its rows.

IN is a file, a folder, or a glob in quotes; names end in {ENDINGS}. OUT is a name ending in .parquet, .csv or
.csv.gz. Run again after a kill, the same command goes on where it was.

\b
  python -m scoring customers.parquet answers.parquet
  python -m scoring 'exports/2026-*.csv.gz' answers.csv --keep id,name --probabilities
"""


@click.command(help=HELP, context_settings={"max_content_width": 100})
@click.argument("given", metavar="IN")
@click.argument("out", metavar="OUT", type=click.Path(path_type=Path))
@click.option("--probabilities", is_flag=True, help="Add the probability of each class.")
@click.option("--keep", multiple=True, metavar="NAMES", help="Columns of IN to write to OUT: id,name or all.")
@click.option(
    "--artifact",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the version that answers; else the stable version of ARTIFACTS_DIR.",
)
@click.option(
    "--chunk",
    default=20_000,
    show_default=True,
    type=click.IntRange(1, 10_000_000),
    help="Rows that a process holds at a time.",
)
@click.option("--workers", type=click.IntRange(1, 256), help="Processes; one a core.")
@click.option("--strict", is_flag=True, help="Stop at a row that the contract refuses, instead of leaving it out.")
@click.option("--restart", is_flag=True, help="Begin anew, and forget what a run before has done.")
@click.option(
    "--dask", metavar="ADDRESS", help="Run on the Dask cluster of this scheduler, or on one made here: local."
)
def cli(
    given: str,
    out: Path,
    probabilities: bool,
    keep: tuple[str, ...],
    artifact: Path | None,
    chunk: int,
    workers: int | None,
    strict: bool,
    restart: bool,
    dask: str | None,
) -> None:
    """Answer a whole file."""
    library("pyarrow", "pyarrow")
    from scoring.session import Options, score  # these import pyarrow

    if dask and dask != "local" and workers:
        raise click.UsageError("--workers is of this machine: a Dask cluster has its own.")
    options = Options(
        given=given,
        out=out,
        probabilities=probabilities,
        keep=_names(keep),
        artifact=artifact,
        chunk=chunk,
        workers=workers or _cores(),
        strict=strict,
        restart=restart,
        dask=dask,
    )
    try:
        score(options)
    except KeyboardInterrupt:
        click.echo("\nInterrupted. The same command goes on where it was.", err=True)
        sys.exit(130)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _names(keep: tuple[str, ...]) -> tuple[str, ...]:
    """The names of ``--keep``, which are separated by commas as in CSV: a name with a comma is quoted."""
    names = [name for row in csv.reader(keep) for name in row]
    if any(not name for name in names):
        raise ScoringError("--keep has an empty name: write --keep id,name.")
    return tuple(dict.fromkeys(names))
