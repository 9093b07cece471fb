"""``flask records replay``: answer recorded rows again with the version that answered them, and compare to the bit."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from inference.atomic_write import write_atomically
from inference.contract import contract_diff
from inference.engines.base import EngineError
from inference.features import encode
from inference.manifest import ArtifactError
from schemas.errors import ServiceError
from service.models.model import Model, load
from service.models.repository import Repository
from service.records.database_url import check_driver
from service.settings import Settings

if TYPE_CHECKING:
    from service.records.database.recorded_rows import RecordedRow
    from service.records.spool.codec import KnownModel

Result = Literal["same", "different", "unavailable"]
RESULTS: tuple[Result, ...] = ("same", "different", "unavailable")
MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Replayed:
    """One answer: the rows, ``differences`` of some of them, and where it could not be answered again, why not."""

    prediction_id: str
    role: str
    version: str
    rows: int
    differences: Sequence[str] = ()
    reason: str = ""

    @property
    def result(self) -> Result:
        """In a word."""
        return "unavailable" if self.reason else "different" if self.differences else "same"


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
    settings = Settings.read(os.environ)
    check_driver(settings)
    try:
        if prediction_id is not None:
            found = list(_replayed(settings, [prediction_id]))
        else:
            found = list(_replayed(settings, _drawn(settings, sample or 0, hours)))
    except ServiceError as exc:
        raise click.ClickException(exc.detail) from None
    if prediction_id is not None:
        _print_one(prediction_id, found)
    else:
        _print_sample(found, hours, textfile)


def _print_one(prediction_id: str, found: Sequence[Replayed]) -> None:
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


def _print_sample(found: Sequence[Replayed], hours: int, textfile: Path | None) -> None:
    counts = Counter(one.result for one in found)
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


def _metrics(counts: Mapping[Result, int]) -> str:
    """The text of Prometheus, for the textfile collector of node_exporter."""
    results = "".join(f'replay_answers{{result="{result}"}} {counts.get(result, 0)}\n' for result in RESULTS)
    return (
        "# HELP replay_answers Recorded answers that the last check answered again, by what came of it.\n"
        f"# TYPE replay_answers gauge\n{results}"
        "# HELP replay_timestamp_seconds When the last check ended.\n"
        f"# TYPE replay_timestamp_seconds gauge\nreplay_timestamp_seconds {datetime.now(UTC).timestamp():.0f}\n"
    )


def _drawn(settings: Settings, count: int, hours: int) -> list[str]:
    from service.records.database.connection import connected
    from service.records.database.recorded_rows import draw_predictions

    until = datetime.now(UTC)
    with connected(settings, seconds=None) as connection:
        return draw_predictions(connection, until - timedelta(hours=hours), until, count)


def _replayed(settings: Settings, ids: Sequence[str]) -> Iterator[Replayed]:
    """The answers of these ids, and those of their shadows, each given again."""
    from service.records.database.connection import connected
    from service.records.database.queries import known_models
    from service.records.database.recorded_rows import rows_of_prediction

    models = _Models(settings)
    for prediction_id in ids:
        with connected(settings, seconds=None) as connection:
            rows = rows_of_prediction(connection, prediction_id)
            known = known_models(connection, {row.model_version for row in rows})
        for (role, version), group in groupby(rows, key=lambda row: (row.role, row.model_version)):
            yield _again(models, list(group), role, version, known.get(version), settings)


class _Models:
    """The versions that the records name, each loaded once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = replace(settings, cache="off")
        self._repository = Repository(settings)
        self._loaded: dict[str, Model | str] = {}

    def get(self, version: str) -> Model | str:
        """The version, or a sentence that says why it cannot answer."""
        if version not in self._loaded:
            self._loaded[version] = self._load(version)
        return self._loaded[version]

    def _load(self, version: str) -> Model | str:
        folders = [self._repository.folder(version), self._repository.copy(version)]
        folder = next((one for one in folders if one.is_dir()), None)
        if folder is None:
            return f"{version} answered it, and is no longer in {self._repository.root}. Restore its folder."
        try:
            return load(folder, self._settings)
        except (ArtifactError, EngineError) as exc:
            return f"{version} answered it, and cannot be loaded: {exc}"


def _again(
    models: _Models, rows: "list[RecordedRow]", role: str, version: str, known: "KnownModel | None", settings: Settings
) -> Replayed:
    one = Replayed(rows[0].prediction_id, role, version, len(rows))
    model = models.get(version)
    if isinstance(model, str):
        return replace(one, reason=model)
    contract = model.manifest.contract
    names = contract.names
    if hidden := sorted(settings.records_redact.intersection(names)):
        return replace(one, reason=f"RECORDS_REDACT leaves {hidden[0]} out of the records: nothing can be replayed.")
    changed = contract_diff(known.contract, contract) if known is not None else []
    if changed or any(set(row.features) != set(names) for row in rows):
        what = f" ({'; '.join(changed)})" if changed else ""
        return replace(one, reason=f"{version} takes other rows now than when it answered{what}: it was made anew.")
    try:
        matrix = encode(contract, [[row.features[name] for name in names] for row in rows])
    except (KeyError, TypeError, ValueError):
        return replace(one, reason=f"a recorded value is none that {version} takes: a feature was redacted, or edited.")
    answers = model.engine.predict(matrix)
    given = [None] * len(rows) if answers.probabilities is None else answers.probabilities.tolist()
    lines = []
    for row, prediction, probabilities in zip(rows, answers.predictions, given, strict=True):
        if prediction != row.prediction:
            lines.append(f"row {row.row_index}: it predicted {row.prediction!r}, and predicts {prediction!r} now")
        elif row.probabilities is not None and probabilities != row.probabilities:
            lines.append(f"row {row.row_index}: {_apart(row.probabilities, probabilities)}")
    return replace(one, differences=lines)


def _apart(before: list[float], now: Any) -> str:
    if not isinstance(now, list) or len(now) != len(before):
        return "it had probabilities of other classes"
    largest = max(abs(a - b) for a, b in zip(before, now, strict=True))
    return f"the same prediction, and a probability differs by {largest:.3g}"
