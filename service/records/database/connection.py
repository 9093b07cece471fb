"""Connections for reading records and recording outcomes: one SQLAlchemy engine a process and database.

A circuit breaker keeps a database that is away or hangs from making one request after the other wait.
"""

import os
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import orjson
from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy import Connection as Connection
from sqlalchemy.exc import DisconnectionError, InterfaceError, OperationalError, SQLAlchemyError, TimeoutError

from schemas.errors import StoreUnavailable
from service import metrics
from service.records.database.breaker import Breaker
from service.records.database_url import file_identity, is_postgres, postgres_dsn, sqlite_file, watchdog
from service.records.shipper import sinks
from service.settings import Settings

Key = tuple[int, str, str]
"""A process, its DATABASE_URL and its VAR_DIR."""
TOO_LONG = "The answer takes longer than {seconds:.0f} seconds; ask for a shorter window."
REQUEST_SECONDS = 10.0
"""How long the database may take for all that a request asks of it."""
PING_SECONDS = 1.0
"""How long a pooled connection may take to answer before it is replaced."""
REQUEST_CONNECT_SECONDS = 3
"""How long a request may wait for a connection, or for SQLite's lock."""
SCHEMA_SECONDS = 30.0
"""How long a process's first request may wait for the schema. Servers and shippers make it before anybody asks."""
HANG_SECONDS = 2.0
"""So much after its time is over a server that has not given up is cut off: it hangs."""

_engines: dict[Key, Engine] = {}
_schemas: dict[Key, Future[None]] = {}
_breakers: dict[Key, Breaker] = {}


def make_engine(settings: Settings) -> Engine:
    """An engine for the records' database; it connects at its first use."""
    if is_postgres(settings):
        import psycopg

        def connect() -> Any:  # libpq reads the address, as in the shipper; SQLAlchemy would read it differently
            return psycopg.connect(
                postgres_dsn(settings), connect_timeout=REQUEST_CONNECT_SECONDS, application_name="records"
            )

        engine = create_engine(
            "postgresql+psycopg://",
            creator=connect,
            pool_size=1,
            pool_timeout=REQUEST_CONNECT_SECONDS,
            json_serializer=_to_json,
        )
        event.listen(engine, "checkout", _ping)
        return engine
    engine = create_engine(
        URL.create("sqlite", database=str(sqlite_file(settings))),  # as it stands: no ? and no % is read
        connect_args={"timeout": REQUEST_CONNECT_SECONDS},
        pool_timeout=REQUEST_CONNECT_SECONDS,
        json_serializer=_to_json,
        json_deserializer=orjson.loads,
    )
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "checkout", partial(_check_file, sqlite_file(settings)))
    return engine


@contextmanager
def connected(settings: Settings, seconds: float | None = REQUEST_SECONDS) -> Iterator[Connection]:
    """A connection in a transaction, which is committed at the end and interrupted after ``seconds``.

    The wait for the connection is bounded too. A database that is away, hangs or is often slow opens the circuit
    breaker, so that one request after the other does not wait for it: see ``Breaker``.

    Raises:
        StoreUnavailable: the database does not answer, takes longer, or the breaker is open; nothing was written.
    """
    key = _key(settings)
    breaker = _breakers.setdefault(key, Breaker())
    with breaker.attempt() as attempt:
        try:
            connection = _engine(key, settings).connect()
        except Exception as exc:  # drivers' errors have no base class in common
            raise attempt.failed(f"{type(exc).__name__}: {_first_line(exc)}") from exc
        try:
            with connection, connection.begin():
                attempt.connected()
                with _bounded(connection, seconds):
                    yield connection
        except SQLAlchemyError as exc:
            if seconds is not None and _is_interrupted(exc):
                metrics.records_unavailable("too_long")
                raise StoreUnavailable(TOO_LONG.format(seconds=seconds), {"Retry-After": "60"}) from exc
            reason = f"{type(exc).__name__}: {_first_line(exc)}"
            is_away = isinstance(exc, OperationalError | InterfaceError | TimeoutError)
            raise attempt.failed(reason) if is_away else attempt.refused(reason) from exc


def _engine(key: Key, settings: Settings) -> Engine:
    if key not in _engines:
        _wait_for_schema(key, settings)
        _engines[key] = make_engine(settings)
    return _engines[key]


def _wait_for_schema(key: Key, settings: Settings) -> None:
    """Have the schema checked, and made where there is none, by a thread that may hang in the request's place.

    Raises:
        TimeoutError, and what ``ensure_schema`` raises.
    """
    ready = _schemas.get(key)
    if ready is None:
        ready = _schemas[key] = Future()
        Thread(target=_check_schema, args=(settings, ready), daemon=True).start()
    try:
        ready.result(SCHEMA_SECONDS)
    finally:
        if ready.done():
            _schemas.pop(key, None)


def _check_schema(settings: Settings, ready: "Future[None]") -> None:
    try:
        sinks.ensure_schema(settings)
    except Exception as exc:
        ready.set_exception(exc)
    else:
        ready.set_result(None)


def _key(settings: Settings) -> Key:
    return os.getpid(), settings.database_url, str(settings.var_dir.absolute())


@contextmanager
def _bounded(connection: Connection, seconds: float | None) -> Iterator[None]:
    """Have the database give up after ``seconds``; cut a server off that does not."""
    driver: Any = connection.connection.driver_connection
    if seconds is None:
        yield
    elif connection.dialect.name == "postgresql":
        with watchdog(seconds + HANG_SECONDS, driver.fileno()):
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = {int(seconds * 1000)}")
            yield
    else:
        end = time.monotonic() + seconds
        driver.set_progress_handler(lambda: time.monotonic() > end, 100_000)
        try:
            yield
        finally:
            driver.set_progress_handler(None, 0)


def _is_interrupted(exc: SQLAlchemyError) -> bool:
    """Whether the database itself gave up since the time was over: it is well."""
    cause = getattr(exc, "orig", None)
    return getattr(cause, "sqlstate", None) == "57014" or getattr(cause, "sqlite_errorname", "") == "SQLITE_INTERRUPT"


def _first_line(exc: BaseException) -> str:
    return str(exc).splitlines()[0] if str(exc) else ""


def _ping(driver: Any, *_: Any) -> None:
    """Check a pooled connection before its use: it may be dead, or its server may hang."""
    try:
        with watchdog(PING_SECONDS, driver.fileno()):
            driver.execute("SELECT 1")
            driver.rollback()
    except Exception as exc:  # the pool then makes a new connection
        raise DisconnectionError from exc


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
