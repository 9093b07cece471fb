"""``flask records``: the state of the records, and a copy of them.

The application registers these commands and never runs them, so each one imports the database's libraries by itself.
"""

import os
import sys
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from inference.timestamps import isoformat
from schemas.errors import ServiceError
from service.cli.replay import replay
from service.locks import is_held
from service.records.database_url import check_driver, is_postgres, sqlite_file
from service.records.shipper import supervisor
from service.records.spool.backlog import pending_rows
from service.records.spool.files import SHIPPER_LOCK, oldest_pending, pending_bytes, read_counts, spool_folder
from service.settings import Settings

_TIME = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"])


@click.group("records")
def records_group() -> None:
    """See, ship, prune and export the records of predictions."""


@records_group.command("status")
def status() -> None:
    """Say what waits in this host's spool, what was shipped, what was lost."""
    settings = _settings()
    folder = spool_folder(settings)
    counts, oldest = read_counts(folder), oldest_pending(folder)
    lag = 0.0 if oldest is None else max(0.0, datetime.now(UTC).timestamp() - oldest)
    click.echo(f"spooled   {pending_rows(folder)} rows wait in {folder}")
    click.echo(f"shipped   {counts.shipped} rows from this host to {_database(settings)}")
    click.echo(f"lost      {counts.lost} rows")
    click.echo(f"lag       {lag:.1f} s")
    click.echo(f"shipper   {'running' if is_held(folder / SHIPPER_LOCK) else 'not running'}")


@records_group.command("ship")
def ship() -> None:
    """Bring what waits in this host's spool to the database now."""
    settings = _settings()
    folder = spool_folder(settings)
    before = pending_bytes(folder)
    supervisor.drain(settings, seconds=60.0, until_shipped=True)
    if rest := pending_bytes(folder):
        raise click.ClickException(
            f"{rest} of {before} bytes still wait: {_database(settings)} does not take them. The log tells why."
        )
    click.echo(f"Everything is in {_database(settings)}.")


@records_group.command("prune")
@click.option("--keep-days", type=click.IntRange(1), help="Instead of RECORDS_KEEP_DAYS.")
def prune(keep_days: int | None) -> None:
    """Delete records and feedback older than RECORDS_KEEP_DAYS."""
    from service.records.shipper import sinks
    from service.records.shipper.sinks import connect

    settings = _settings()
    days = keep_days or settings.records_keep_days
    if not days:
        raise click.ClickException("RECORDS_KEEP_DAYS=0 keeps all. Say how many days to keep: --keep-days 30")
    before = datetime.now(UTC) - timedelta(days=days)
    try:
        sinks.ensure_schema(settings)
        sink = connect(settings)
        try:
            pruned = sink.prune(before.timestamp(), sys.maxsize)
        finally:
            sink.close()
    except Exception as exc:  # drivers' errors have no base class in common
        raise click.ClickException(f"{_database(settings)} does not answer: {exc}") from None
    click.echo(f"Deleted {pruned} rows older than {days} days, from before {isoformat(before)}.")


@records_group.command("erase")
@click.option("--client", default="", help="The name behind a token, or the address, as it stands in the records.")
@click.option("--prediction", "prediction_id", default="", help="The prediction_id of an answer.")
def erase(client: str, prediction_id: str) -> None:
    """Remove the records of a client, or of one prediction, from the spool and the database, with their outcomes."""
    from service.records.erase import Whose
    from service.records.erase import erase as erase_records

    if bool(client) == bool(prediction_id):
        raise click.UsageError("Say whose records: --client NAME, or --prediction ID.")
    settings = _settings()
    try:
        erased = erase_records(settings, Whose(client, prediction_id))
    except TimeoutError as exc:
        raise click.ClickException(f"Nothing was erased: {exc}. Try again.") from None
    except Exception as exc:  # drivers' errors have no base class in common
        raise click.ClickException(
            f"Not all was erased, since {_database(settings)} fails: {exc}. Try again."
        ) from None
    click.echo(f"spool     {erased.spooled} rows that were not shipped yet, and every copy of those that were")
    click.echo(f"database  {erased.records} rows and {erased.outcomes} outcomes, in {_database(settings)}")
    click.echo("Logs, backups, exports and the spools of other hosts are not touched.")


@records_group.command("export")
@click.option("--to", "target", type=click.Path(path_type=Path, dir_okay=False), required=True, help=".parquet or .csv")
@click.option("--since", type=_TIME, help="UTC, such as 2026-01-31 or 2026-01-31T09:00:00.")
@click.option("--until", type=_TIME, help="UTC, exclusive.")
@click.option("--version", help="Records of this model version only.")
def export(target: Path, since: datetime | None, until: datetime | None, version: str | None) -> None:
    """Write the records, with outcomes where they are known, to a file; a column a feature."""
    from service.records.database.export import FILE_TYPES, Progress
    from service.records.database.export import export as write_records
    from service.records.database.queries import CHUNK_ROWS

    if target.suffix not in FILE_TYPES:
        raise click.UsageError(f"--to must end in {' or '.join(FILE_TYPES)}, not {target.suffix or 'nothing'}.")

    def progress(rows: int) -> AbstractContextManager[Progress]:
        return click.progressbar(length=rows, label="Exporting", update_min_steps=CHUNK_ROWS)

    try:
        written = write_records(_settings(), target, _utc(since), _utc(until), version, progress)
    except ImportError:
        raise click.ClickException("Parquet needs pyarrow: pip install pyarrow. Or write a .csv.") from None
    except ServiceError as exc:
        raise click.ClickException(exc.detail) from None
    except click.ClickException:  # a setting, which names itself
        raise
    except (ValueError, TypeError) as exc:  # two artifacts had the same version's name, one after the other
        raise click.ClickException(
            f"A record does not fit the contract that its version has now ({exc}). Leave it out: --since, --until."
        ) from None
    except OSError as exc:
        raise click.ClickException(f"{target} cannot be written: {exc.strerror}.") from None
    click.echo(f"{written} rows in {target}.")


def _settings() -> Settings:
    settings = Settings.read(os.environ)
    check_driver(settings)
    return settings


def _database(settings: Settings) -> str:
    """The database's name for people, without a password."""
    return "PostgreSQL" if is_postgres(settings) else str(sqlite_file(settings))


def _utc(time: datetime | None) -> datetime | None:
    return None if time is None else time.replace(tzinfo=UTC)


records_group.add_command(replay)
