"""Whether the database has the schema this code was written for, told without SQLAlchemy; if not, it is migrated."""

from contextlib import suppress

from service.records.shipper.sinks import Sink, connect
from service.records.shipper.supervisor import run_module
from service.settings import Settings

HEAD = "0001"
"""The newest revision under migrations/versions."""
MIGRATION_SECONDS = 600


class SchemaError(RuntimeError):
    """The database has not the schema it needs; the log of the migration says why."""


def is_current(sink: Sink) -> bool:
    """Whether the database is at the newest revision."""
    return sink.revision() == HEAD


def ensure(settings: Settings) -> None:
    """Bring the database's schema to the newest revision, in a process of its own, where it is not there already.

    Raises:
        SchemaError: it could not be brought there. Whatever the driver raises when it cannot connect.
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
