"""``flask records replay``: answer recorded rows again with the version that answered them, and compare to the bit."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from inference.atomic_write import write_atomically
from schemas.errors import ServiceError
from service.records.database_url import check_driver
from service.settings import Settings

if TYPE_CHECKING:
    from service.models.replay import Replayed

RESULTS = ("same", "different", "unavailable")
MOST_SHOWN = 20


@click.command("replay")
@click.argument("prediction_id", required=False)
@click.option("--sample", type=click.IntRange(1), help="Instead of one: so many answers, drawn from the records.")
@click.option("--hours", default=24, show_default=True, type=click.IntRange(1), help="How old these may be.")
@click.option(
    "--textfile",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write metrics for node_exporter to this .prom file.",
)
def replay(prediction_id: str | None, sample: int | None, hours: int, textfile: Path | None) -> None:
    """Answer a recorded prediction again with the version that answered it, and compare bit for bit.

    All rows of a batch are answered together, as they were. Exit code 0: all the same. 1: something differs, or the
    prediction cannot be answered again. In a sample, answers of versions that are gone are only counted.
    """
    if (prediction_id is None) == (sample is None):
        raise click.UsageError("Say the prediction_id of an answer, or --sample N.")
    if textfile is not None and sample is None:
        raise click.UsageError("--textfile goes with --sample.")
    from service.models.replay import draw, replay_all  # numpy and the engine

    settings = Settings.read(os.environ)
    check_driver(settings)
    try:
        if prediction_id is not None:
            found = list(replay_all(settings, [prediction_id]))
        else:
            found = list(replay_all(settings, draw(settings, sample or 0, hours)))
    except ServiceError as exc:
        raise click.ClickException(exc.detail) from None
    if prediction_id is not None:
        _print_one(prediction_id, found)
    else:
        _print_sample(found, hours, textfile)


def _print_one(prediction_id: str, found: "Sequence[Replayed]") -> None:
    if not found:
        raise click.ClickException(
            f"There is no record of {prediction_id}. If it is of the last seconds, bring it to the database first: "
            "flask records ship"
        )
    for one in found:
        rows, shadow = f"{one.rows} row{'s' * (one.rows != 1)}", " (shadow)" * (one.role == "shadow")
        if one.reason:
            raise click.ClickException(one.reason)
        if not one.differences:
            click.echo(f"{one.version}{shadow}: {rows}, the same bit for bit.")
        for line in one.differences[:MOST_SHOWN]:
            click.echo(f"{one.version}{shadow}: {line}")
        if len(one.differences) > MOST_SHOWN:
            click.echo(f"... and {len(one.differences) - MOST_SHOWN} more.")
    if any(one.differences for one in found):
        raise click.exceptions.Exit(1)


def _print_sample(found: "Sequence[Replayed]", hours: int, textfile: Path | None) -> None:
    counts = Counter[str](one.result for one in found)
    for one in found:
        for line in one.differences[:1]:
            click.echo(f"{one.prediction_id} {one.version}: {line}")
    for reason in sorted({one.reason for one in found if one.reason}):
        click.echo(f"Not answered again: {reason}")
    total = f"{len(found)} answers of the last {hours} hours"
    click.echo(
        f"{total}: {counts['same']} the same, {counts['different']} different, {counts['unavailable']} not answered."
    )
    if textfile is not None:
        try:
            write_atomically(textfile, _metrics(counts).encode())
        except OSError as exc:
            raise click.ClickException(f"{textfile} cannot be written: {exc.strerror}.") from None
    if counts["different"]:
        raise click.exceptions.Exit(1)


def _metrics(counts: Mapping[str, int]) -> str:
    """The text of Prometheus, for the textfile collector of node_exporter."""
    results = "".join(f'replay_answers{{result="{result}"}} {counts.get(result, 0)}\n' for result in RESULTS)
    return (
        "# HELP replay_answers Recorded answers that the last check answered again, by what came of it.\n"
        f"# TYPE replay_answers gauge\n{results}"
        "# HELP replay_timestamp_seconds When the last check ended.\n"
        f"# TYPE replay_timestamp_seconds gauge\nreplay_timestamp_seconds {datetime.now(UTC).timestamp():.0f}\n"
    )
