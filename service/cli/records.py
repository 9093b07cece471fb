"""``flask records``: what was recorded, where it is, and a copy of it.

The application knows these commands and never runs them, so each imports what reads a database by itself.
"""

import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import click

from schemas.errors import ServiceError
from service.locks import is_held
from service.records.address import check_driver, is_postgres, sqlite_file
from service.records.shipper import supervisor
from service.records.spool.backlog import oldest_waiting, rows_waiting
from service.records.spool.counts import read_counts
from service.records.spool.paths import SHIPPER, pending_bytes, spool_folder
from service.settings import Settings

_MOMENT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"])


@click.group("records")
def records_group() -> None:
    """See, ship, prune and export the records of predictions."""


@records_group.command("status")
def status() -> None:
    """Say what waits in this host's spool, what was shipped, what was lost."""
    settings = _settings()
    folder = spool_folder(settings)
    counts, oldest = read_counts(folder), oldest_waiting(folder)
    lag = 0.0 if oldest is None else max(0.0, datetime.now(UTC).timestamp() - oldest)
    click.echo(f"spooled   {rows_waiting(folder)} rows wait in {folder}")
    click.echo(f"shipped   {counts.shipped} rows from this host to {_database(settings)}")
    click.echo(f"lost      {counts.lost} rows")
    click.echo(f"lag       {lag:.1f} s")
    click.echo(f"shipper   {'running' if is_held(folder / SHIPPER) else 'not running'}")


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
    from service.records.shipper import schema
    from service.records.shipper.sinks import connect

    settings = _settings()
    days = keep_days or settings.records_keep_days
    if not days:
        raise click.ClickException("RECORDS_KEEP_DAYS=0 keeps all. Say how many days to keep: --keep-days 30")
    try:
        schema.ensure(settings)
        sink = connect(settings)
        try:
            pruned = sink.prune(days)
        finally:
            sink.close()
    except Exception as exc:  # each driver has its own
        raise click.ClickException(f"{_database(settings)} does not answer: {exc}") from None
    click.echo(f"Deleted {pruned} rows older than {days} days.")


@records_group.command("export")
@click.option("--to", "target", type=click.Path(path_type=Path, dir_okay=False), required=True, help=".parquet or .csv")
@click.option("--since", type=_MOMENT, help="UTC, such as 2026-01-31 or 2026-01-31T09:00:00.")
@click.option("--until", type=_MOMENT, help="UTC, exclusive.")
@click.option("--version", help="Records of this model version only.")
def export(target: Path, since: datetime | None, until: datetime | None, version: str | None) -> None:
    """Write the records, with outcomes where they are known, to a file; a column a feature."""
    from service.records.database.connection import connected
    from service.records.database.export import AT_ONCE, columns_of, count_rows, parts, selection
    from service.records.database.queries import known_models
    from service.records.database.table_files import FILES

    if target.suffix not in FILES:
        raise click.UsageError(f"--to must end in {' or '.join(FILES)}, not {target.suffix or 'nothing'}.")
    query = selection(_utc(since), _utc(until), version)
    aside = target.with_name(f".{target.name}.part")
    try:
        with connected(_settings(), seconds=None) as connection:
            total = count_rows(connection, query)
            models = known_models(connection, {version} if version else None)
            columns = columns_of(models.values())
            file = FILES[target.suffix](aside, columns)
            try:
                with click.progressbar(length=total, label="Exporting", update_min_steps=AT_ONCE) as bar:
                    written = 0
                    for part in parts(connection, query, columns):
                        file.write(part)
                        written += len(part)  # more than were counted, where predictions go on
                        bar.update(len(part))
            finally:
                file.close()
        aside.replace(target)
    except ImportError:
        raise click.ClickException("Parquet needs pyarrow: pip install pyarrow. Or write a .csv.") from None
    except ServiceError as exc:
        raise click.ClickException(exc.detail) from None
    except (ValueError, TypeError) as exc:  # two artifacts that bore the same version's name, one after the other
        raise click.ClickException(
            f"A record does not fit the contract that its version has now ({exc}). Leave it out: --since, --until."
        ) from None
    except OSError as exc:
        raise click.ClickException(f"{target} cannot be written: {exc.strerror}.") from None
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
    click.echo(f"{written} rows in {target}.")


def _settings() -> Settings:
    settings = Settings.read(os.environ)
    check_driver(settings)
    return settings


def _database(settings: Settings) -> str:
    """Its name for people, never with a password."""
    return "PostgreSQL" if is_postgres(settings) else str(sqlite_file(settings))


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)
