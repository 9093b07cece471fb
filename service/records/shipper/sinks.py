"""The database as the shipper sees it: rows, each written exactly once, and the schema, by the drivers themselves.

SQLAlchemy would cost the shipper, which runs as long as the service does, 30 MB, and an insert a third more time.
"""

import os
import socket
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Protocol

import orjson

from service.records.database_url import (
    CONNECT_SECONDS,
    file_identity,
    is_deleted,
    is_postgres,
    postgres_dsn,
    shut_down,
    sqlite_file,
)
from service.records.shipper.supervisor import run_module
from service.records.spool.codec import KnownModel
from service.records.spool.decoder import Row, timestamp
from service.settings import Settings

_COLUMNS = ", ".join(Row._fields)
_INSERT_MODEL = (
    "INSERT INTO models (model_version, contract, classes) VALUES (?, ?, ?) ON CONFLICT (model_version) "
    "DO UPDATE SET contract = excluded.contract, classes = excluded.classes"
)
_INSERT_ROW = (
    f"INSERT INTO predictions ({_COLUMNS}) VALUES ({', '.join('?' * len(Row._fields))}) "  # noqa: S608 - our own names
    "ON CONFLICT (prediction_id, row_index, role) DO NOTHING"
)
_PRUNE_ROWS = 5000  # deleted in one transaction
_PREDICTION = Row._fields.index("prediction")
HEAD = "0001"
"""The newest revision under database/migrations/versions."""
MIGRATION_SECONDS = 600
REVISION = "SELECT version_num FROM alembic_version"


class SchemaError(RuntimeError):
    """The database does not have the schema it needs; the migration's log says why."""


class DatabaseDeleted(RuntimeError):
    """The database's file was deleted while it was open; ``rows`` is how many records went with it."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        super().__init__(f"the database's file was deleted, and {rows} records with it")


class Sink(Protocol):
    """An open connection. Its methods raise what the driver does; nothing is written then."""

    def revision(self) -> str | None:
        """The schema's revision; None where there is no schema yet."""

    def write(self, models: Iterable[KnownModel], rows: Iterable[Row]) -> int:
        """Insert models and rows in one transaction; the number of rows that the database did not have yet."""

    def prune(self, before: float, most: int) -> int:
        """Delete at most about ``most`` records and outcomes from before a Unix time; the number of rows."""

    def erase(self, deletions: Iterable[str], wanted: str) -> list[int]:
        """Run statements that delete what is ``wanted``, in one transaction, and leave no trace; the rows of each."""

    def cut(self) -> None:
        """Interrupt callers blocked on the database (thread-safe)."""

    def close(self) -> None:
        """Close the connection."""


class SqliteSink:
    """Writes to a SQLite file; its write-ahead log never makes readers wait."""

    def __init__(self, settings: Settings) -> None:
        path = sqlite_file(settings)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not the same thread: one after the other takes the shipper's turns, never two at a time.
        self._connection = sqlite3.connect(path, CONNECT_SECONDS, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._path, self._identity = path, file_identity(path)

    def revision(self) -> str | None:
        """See Sink."""
        try:
            found = self._connection.execute(REVISION).fetchone()
        except sqlite3.OperationalError as exc:
            if "no such table" in str(exc):
                return None
            raise
        return str(found[0]) if found else None

    def write(self, models: Iterable[KnownModel], rows: Iterable[Row]) -> int:
        """See Sink."""
        if file_identity(self._path) != self._identity:  # SQLite would go on writing to the other file
            if is_deleted(self._identity):
                raise DatabaseDeleted(self._connection.execute("SELECT count(*) FROM predictions").fetchone()[0])
            raise sqlite3.OperationalError("the database's file was moved or replaced")
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.executemany(_INSERT_MODEL, map(_model_row, models))
            before = self._connection.total_changes
            self._connection.executemany(_INSERT_ROW, rows)
            new = self._connection.total_changes - before
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        return new

    def prune(self, before: float, most: int) -> int:
        """See Sink."""
        return _prune(before, most, "rowid", lambda sql, limit: self._connection.execute(sql, limit).rowcount)

    def erase(self, deletions: Iterable[str], wanted: str) -> list[int]:
        """See Sink. What was deleted is overwritten in the file, and in the log of writes."""
        self._connection.execute("PRAGMA secure_delete=ON")
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            counts = [self._connection.execute(sql, (wanted,)).rowcount for sql in deletions]
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return counts

    def cut(self) -> None:
        """Does nothing: SQLite waits for its lock for CONNECT_SECONDS at most."""

    def close(self) -> None:
        """See Sink."""
        self._connection.close()


class PostgresSink:
    """Writes to PostgreSQL."""

    def __init__(self, settings: Settings) -> None:
        import psycopg

        self._connection = psycopg.connect(
            postgres_dsn(settings),
            autocommit=True,
            connect_timeout=CONNECT_SECONDS,
            application_name="records-shipper",
            options="-c statement_timeout=60s -c lock_timeout=10s",
            tcp_user_timeout=20_000,
        )
        self._socket = socket.socket(fileno=os.dup(self._connection.fileno()))

    def revision(self) -> str | None:
        """See Sink."""
        found = self._connection.execute("SELECT to_regclass('alembic_version')").fetchone()
        if found is None or found[0] is None:
            return None
        found = self._connection.execute(REVISION).fetchone()
        return str(found[0]) if found else None

    def write(self, models: Iterable[KnownModel], rows: Iterable[Row]) -> int:
        """See Sink."""
        with self._connection.transaction(), self._connection.cursor() as cursor:
            if model_rows := list(map(_model_row, models)):
                cursor.executemany(_INSERT_MODEL.replace("?", "%s"), model_rows)
            if typed := [(*row[:_PREDICTION], _json(row.prediction), *row[_PREDICTION + 1 :]) for row in rows]:
                cursor.executemany(_INSERT_ROW.replace("?", "%s"), typed)
                return max(cursor.rowcount, 0)
        return 0

    def prune(self, before: float, most: int) -> int:
        """See Sink."""
        return _prune(
            before,
            most,
            "ctid",
            lambda sql, limit: self._connection.execute(sql.replace("?", "%s").encode(), limit).rowcount,
        )

    def erase(self, deletions: Iterable[str], wanted: str) -> list[int]:
        """See Sink."""
        with self._connection.transaction():
            return [self._connection.execute(sql.replace("?", "%s").encode(), (wanted,)).rowcount for sql in deletions]

    def cut(self) -> None:
        """See Sink."""
        shut_down(self._socket)

    def close(self) -> None:
        """See Sink."""
        self._socket.close()
        self._connection.close()


def connect(settings: Settings) -> Sink:
    """Connect to the records' database.

    Raises:
        Exception: no connection; of the driver's own class.
    """
    return PostgresSink(settings) if is_postgres(settings) else SqliteSink(settings)


def ensure_schema(settings: Settings) -> None:
    """Bring the database's schema to the newest revision, in a process of its own.

    Raises:
        SchemaError: the migration failed.
        Exception: no connection; of the driver's own class.
    """
    sink = connect(settings)
    try:
        if sink.revision() == HEAD:
            return
    finally:
        with suppress(Exception):
            sink.close()
    code = run_module("service.records.database.migrate", settings).wait(MIGRATION_SECONDS)
    if code:
        raise SchemaError(f"the migration of the records' database ended with exit code {code}")


def _prune(before: float, most: int, row_id: str, execute: Callable[[str, tuple[str]], int]) -> int:
    limit = (timestamp(before),)
    pruned = 0
    for table in ("predictions", "feedback"):
        sql = (
            f"DELETE FROM {table} WHERE {row_id} IN "  # noqa: S608 - our own names
            f"(SELECT {row_id} FROM {table} WHERE time < ? LIMIT {_PRUNE_ROWS})"
        )
        while pruned < most and (deleted := execute(sql, limit)):
            pruned += deleted
    return pruned


def _model_row(model: KnownModel) -> tuple[str, str, str]:
    return model.version, _json(model.contract.to_json()), _json(model.classes)


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
