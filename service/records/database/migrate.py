"""Brings the records' database to the newest schema; ``python -m service.records.database.migrate``.

One migration at a time: a file lock holds off others on the host, an advisory lock those of other hosts that share a
PostgreSQL.
"""

import logging
import os
import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from service import log
from service.locks import locked
from service.records.database.connection import make_engine
from service.records.database_url import is_postgres
from service.records.shipper import sinks
from service.records.shipper.sinks import connect
from service.records.spool.files import MIGRATION_LOCK, spool_folder
from service.settings import Settings

ADVISORY_LOCK = 7_301_954_203
"""Any number that no other program on the same database uses."""


def upgrade(settings: Settings) -> None:
    """Run the migrations that are missing.

    Raises:
        SchemaError: the schema is newer than this code.
        Exception: the database does not answer; of the driver's own class.
    """
    folder = spool_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / MIGRATION_LOCK):
        revision = _revision(settings)
        if revision == sinks.HEAD:
            return
        if revision is not None and revision > sinks.HEAD:  # they are numbered
            raise sinks.SchemaError(
                f"the database has schema {revision}, and this release knows none after {sinks.HEAD}: "
                "run the release that made it, or name another database in DATABASE_URL"
            )
        engine = make_engine(settings)
        with engine.begin() as connection:
            if is_postgres(settings):
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
            else:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            config = Config()
            config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        engine.dispose()
        log.info("records_database_migrated", revision=sinks.HEAD)


def _revision(settings: Settings) -> str | None:
    sink = connect(settings)
    try:
        return sink.revision()
    finally:
        sink.close()


def main() -> None:
    """Migrate by the settings in the environment; exit code 1 where that fails."""
    settings = Settings.read(os.environ)
    log.configure(settings)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        upgrade(settings)
    except Exception as exc:  # drivers' errors have no base class in common
        reason = str(exc).splitlines()[0] if str(exc) else ""
        log.error("records_migration_failed", reason=f"{type(exc).__name__}: {reason}")
        sys.exit(1)


if __name__ == "__main__":
    main()
