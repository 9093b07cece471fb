"""Connections for reading records and recording outcomes: one SQLAlchemy engine a process and database.

A circuit breaker keeps a database that is away or hangs from making one request after the other wait.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DisconnectionError, SQLAlchemyError

from schemas.errors import StoreUnavailable
from service import log
from service.records.database_url import file_identity, is_postgres, postgres_dsn, sqlite_file, watchdog
from service.records.shipper import sinks
from service.settings import Settings

UNAVAILABLE = "The records' database does not answer; try again later."
REQUEST_SECONDS = 40.0
"""How long a request may wait for the answer to a query: less than gunicorn lets a worker be silent."""
PING_SECONDS = 2.0
"""How long a pooled connection may take to answer before it is replaced."""
REQUEST_CONNECT_SECONDS = 3
"""How long a request may wait for a connection, or for SQLite's lock."""
OPEN_FACTOR = 5
"""The breaker stays open for so many times the seconds that a request waited in vain."""

_engines: dict[tuple[int, str, str], Engine] = {}
_open_until: dict[tuple[int, str, str], float] = {}


def make_engine(settings: Settings) -> Engine:
    """An engine for the records' database; it connects at its first use."""
    if is_postgres(settings):
        import psycopg

        def connect() -> Any:  # libpq reads the address, as in the shipper; SQLAlchemy would read it differently
            return psycopg.connect(
                postgres_dsn(settings), connect_timeout=REQUEST_CONNECT_SECONDS, application_name="records"
            )

        engine = create_engine("postgresql+psycopg://", creator=connect, pool_size=1, json_serializer=_to_json)
        event.listen(engine, "checkout", _ping)
        return engine
    engine = create_engine(
        URL.create("sqlite", database=str(sqlite_file(settings))),  # as it stands: no ? and no % is read
        connect_args={"timeout": REQUEST_CONNECT_SECONDS},
        json_serializer=_to_json,
        json_deserializer=orjson.loads,
    )
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "checkout", partial(_check_file, sqlite_file(settings)))
    return engine


@contextmanager
def connected(settings: Settings, seconds: float | None = REQUEST_SECONDS) -> Iterator[Connection]:
    """A connection in a transaction, which is committed at the end and interrupted after ``seconds``.

    A request that waited in vain opens the circuit breaker: a worker that waits answers nothing meanwhile.

    Raises:
        StoreUnavailable: the database does not answer, or the breaker is open; nothing was written.
    """
    began, open_until = time.monotonic(), _open_until.get(_key(settings), 0.0)
    if began < open_until:
        raise StoreUnavailable(UNAVAILABLE, {"Retry-After": str(int(open_until - began) + 1)})
    try:
        connection = _engine(settings).connect()
    except Exception as exc:  # drivers' errors have no base class in common
        now = time.monotonic()
        _open_until[_key(settings)] = now + OPEN_FACTOR * (now - began)
        raise _unavailable(exc, settings) from exc
    try:
        with connection, connection.begin(), _bounded(connection, seconds):
            yield connection
    except SQLAlchemyError as exc:
        raise _unavailable(exc, settings) from exc


def _engine(settings: Settings) -> Engine:
    key = _key(settings)
    if key not in _engines:
        sinks.ensure_schema(settings)
        _engines[key] = make_engine(settings)
    return _engines[key]


def _key(settings: Settings) -> tuple[int, str, str]:
    return os.getpid(), settings.database_url, str(settings.var_dir.absolute())


def _bounded(connection: Connection, seconds: float | None) -> Any:
    driver = connection.connection.driver_connection
    if seconds is None or connection.dialect.name != "postgresql" or driver is None:
        return nullcontext()
    return watchdog(seconds, driver.fileno())


def _ping(driver: Any, *_: Any) -> None:
    """Check a pooled connection before its use: it may be dead, or its server may hang."""
    try:
        with watchdog(PING_SECONDS, driver.fileno()):
            driver.execute("SELECT 1")
            driver.rollback()
    except Exception as exc:  # the pool then makes a new connection
        raise DisconnectionError from exc


def _unavailable(exc: Exception, settings: Settings) -> StoreUnavailable:
    reason = f"{type(exc).__name__}: {str(exc).splitlines()[0] if str(exc) else ''}"
    log.error("records_database_gone", reason=reason)
    wait = max(5, int(_open_until.get(_key(settings), 0.0) - time.monotonic()) + 1)
    return StoreUnavailable(UNAVAILABLE, {"Retry-After": str(wait)})


def _to_json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _set_pragmas(connection: Any, record: Any) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    record.info["file"] = file_identity(Path(connection.execute("PRAGMA database_list").fetchone()[2]))


def _check_file(path: Path, _: Any, record: Any, *__: Any) -> None:
    """Replace a connection whose file was deleted or replaced."""
    if file_identity(path) != record.info["file"]:
        raise DisconnectionError
