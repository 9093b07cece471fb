"""``python -m training compare``. Exit codes: 0 compared, 1 refused, 2 usage."""

import json
import os
from pathlib import Path
from typing import Any

import click

from inference.artifact import build_engine
from inference.atomic_write import write_atomically
from inference.engines.base import EngineError
from inference.manifest import ArtifactError
from service.settings import Settings
from service.signature import read_trusted_manifest
from training.comparison.measures import compare as compare_rows
from training.comparison.page import lines, render
from training.comparison.rows import rows_of
from training.errors import TrainingError
from training.options import FILE, csv_options, dialect_of

MOST_ROWS = 100_000


@click.command("compare")
@click.argument("first", metavar="FOLDER_A", type=FILE)
@click.argument("second", metavar="FOLDER_B", type=FILE)
@click.option("--data", type=FILE, help="CSV or Parquet with the columns of both versions, and the target if known.")
@click.option("--records", type=FILE, hidden=True, help="Rows of the records, as flask models compare writes them.")
@click.option("--html", type=FILE, help="Write a page with plots to this file.")
@click.option("--json", "document", type=FILE, help="Write the measures to this file, for programs.")
@click.option("--rows", default=MOST_ROWS, show_default=True, type=click.IntRange(2), help="At most so many, drawn.")
@csv_options
@click.option(
    "--engine", default="auto", type=click.Choice(["auto", "onnx", "sklearn"]), show_default=True, help="As ENGINE."
)
def compare(
    first: Path,
    second: Path,
    data: Path | None,
    records: Path | None,
    html: Path | None,
    document: Path | None,
    rows: int,
    engine: str,
    **options: Any,
) -> None:
    """Compare two artifacts on the same rows: metrics, agreement, calibration, computing time.

    With TRUSTED_KEYS both must be signed.
    """
    path = data or records
    if path is None or (data and records):
        raise click.UsageError("say on which rows: --data FILE.")
    settings = Settings.read(os.environ)
    try:
        manifests = read_trusted_manifest(first, settings), read_trusted_manifest(second, settings)
        tasks = [manifest.contract.task for manifest in manifests]
        if tasks[0] != tasks[1]:
            raise TrainingError(
                f"{manifests[0].version} is a {tasks[0]} and {manifests[1].version} a {tasks[1]}: they answer other "
                "questions: compare versions of one task."
            )
        engines = build_engine(first, manifests[0], engine), build_engine(second, manifests[1], engine)
    except (ArtifactError, EngineError) as exc:
        raise TrainingError(str(exc)) from None
    given = rows_of(path, manifests, dialect_of(options), rows, records=records is not None)
    found = compare_rows(given, manifests, engines)
    for line in lines(found):
        click.echo(line)
    if document is not None:
        _write(document, json.dumps(found.document(), indent=2))
    if html is not None:
        _write(html, render(found))
        click.echo(f"\nThe page: {html}")


def _write(path: Path, text: str) -> None:
    try:
        write_atomically(path, text.encode())
    except OSError as exc:
        raise TrainingError(f"{path} cannot be written: {exc.strerror}. Give a path that can.") from None
