"""``flask models verify`` and ``flask models compare``: they run ``python -m training``, in a process of its own."""

import importlib.util
import os
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import orjson

from inference.manifest import ArtifactError, Manifest
from inference.naming import is_version
from schemas.errors import ServiceError
from service.models.repository import Repository
from service.processes import run_attached
from service.records.database_url import check_driver
from service.settings import Settings
from service.signature import read_trusted_manifest

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("verify")
@click.argument("version")
@click.option("--rows", default=20_000, show_default=True, type=click.IntRange(1), help="Random rows for the parity.")
def verify(version: str, rows: int) -> None:
    """Look whether VERSION is whole, signed, and answers as its pipeline does; and how fast it is.

    Exit code 0: all of it holds. 1: something does not. With ENGINE=onnx nothing is unpickled, so the parity of graph
    and pipeline is not looked at.
    """
    settings = Settings.read(os.environ)
    folder = Repository(settings).folder(_checked(version))
    unpickle = ["--no-unpickle"] if settings.engine == "onnx" else []
    _train(["verify", str(folder), "--rows", str(rows), *unpickle])


@click.command("compare", context_settings={"ignore_unknown_options": False})
@click.argument("a")
@click.argument("b")
@click.option("--data", type=FILE, help="Rows of a CSV or Parquet file; without it, of the records.")
@click.option("--html", type=FILE, help="Write a page with plots to this file.")
@click.option("--rows", default=100_000, show_default=True, type=click.IntRange(2), help="At most so many.")
@click.option("--days", default=30, show_default=True, type=click.IntRange(1), help="How old the records may be.")
def compare(a: str, b: str, data: Path | None, html: Path | None, rows: int, days: int) -> None:
    """Compare versions A and B on the same rows: metrics, agreement, calibration, computing time.

    On the rows of a file, or on the rows of the records that A or B answered: both answer them anew. For other forms of
    a CSV: python -m training compare --help. Exit code 0: compared. 1: it cannot be done, and why.
    """
    settings = Settings.read(os.environ)
    repository = Repository(settings)
    folders = [repository.folder(_checked(version)) for version in (a, b)]
    try:
        manifests = [read_trusted_manifest(folder, settings) for folder in folders]
    except ArtifactError as exc:
        raise click.ClickException(str(exc)) from None
    arguments = ["compare", *map(str, folders), "--rows", str(rows), "--engine", settings.engine]
    if html is not None:
        arguments += ["--html", str(html)]
    if data is not None:
        _train([*arguments, "--data", str(data)])
        return
    with tempfile.TemporaryDirectory(prefix="compare-") as own:
        _write_records(settings, manifests, days, rows, path := Path(own) / "records.jsonl")
        _train([*arguments, "--records", str(path)])


def _write_records(settings: Settings, manifests: Sequence[Manifest], days: int, most: int, path: Path) -> None:
    """The rows that one of these versions answered, with their outcomes, a JSON object a line."""
    from service.records.database.connection import connected
    from service.records.database.recorded_rows import answered_rows

    for manifest in manifests:
        if hidden := sorted(settings.records_redact.intersection(manifest.contract.names)):
            raise click.ClickException(
                f"RECORDS_REDACT leaves {hidden[0]} out of the records: no row can be answered anew. Say --data FILE."
            )
    check_driver(settings)
    until = datetime.now(UTC)
    versions = [manifest.version for manifest in manifests]
    count = 0
    try:
        with connected(settings, seconds=None) as connection, path.open("wb") as file:
            for chunk in answered_rows(connection, versions, until - timedelta(days=days), until, most):
                count += len(chunk)
                for row in chunk:
                    file.write(orjson.dumps({"features": row.features, "outcome": row.outcome}) + b"\n")
    except ServiceError as exc:
        raise click.ClickException(exc.detail) from None
    if not count:
        raise click.ClickException(
            f"The records of the last {days} days hold no row that {' or '.join(versions)} answered. Say --data FILE."
        )


def _checked(version: str) -> str:
    if not is_version(version):
        raise click.ClickException(f"{version!r} is no version's name. See: flask models list")
    return version


def _train(arguments: list[str]) -> None:
    """Run ``python -m training`` in this terminal, and end with its exit code.

    Raises:
        ClickException: it is not there.
    """
    if importlib.util.find_spec("training") is None:
        raise click.ClickException(
            "training/ is not on this machine, and this command runs it. Run it where models are trained."
        )
    if code := run_attached("training", arguments):
        raise click.exceptions.Exit(code)
