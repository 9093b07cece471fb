"""Checks without SQLAlchemy that the database has the schema of this code, and migrates it where it has not."""

from contextlib import suppress

from service.records.shipper.sinks import Sink, connect
from service.records.shipper.supervisor import run_module
from service.settings import Settings

HEAD = "0001"
"""The newest revision under migrations/versions."""
MIGRATION_SECONDS = 600


class SchemaError(RuntimeError):
    """The database does not have the schema it needs; the migration's log says why."""


def is_current(sink: Sink) -> bool:
    """Whether the database is at the newest revision."""
    return sink.revision() == HEAD


def ensure(settings: Settings) -> None:
    """Bring the database's schema to the newest revision, in a process of its own.

    Raises:
        SchemaError: the migration failed.
        Exception: no connection; of the driver's own class.
    """
    sink = connect(settings)
    try:
        if is_current(sink):
            return
    finally:
        with suppress(Exception):
            sink.close()
    code = run_module("service.records.database.migrate", settings).wait(MIGRATION_SECONDS)
    if code:
        raise SchemaError(f"the migration of the records' database ended with exit code {code}")
