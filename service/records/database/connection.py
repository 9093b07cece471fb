"""The database for those who ask: one SQLAlchemy engine a process, made when it is first asked for.

Whoever only writes records imports none of this.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DisconnectionError, SQLAlchemyError

from schemas.errors import StoreUnavailable
from service import log
from service.records.address import identity, is_postgres, postgres_address, sqlite_file
from service.records.shipper import schema
from service.records.watchdog import cut_after
from service.settings import Settings

UNAVAILABLE = "The records' database does not answer; try again later."
REQUEST_SECONDS = 40.0
"""What a request may wait for an answer: less than gunicorn lets a worker be silent."""
PING_SECONDS = 2.0
REQUEST_CONNECT_SECONDS = 3
"""For a connection, or for SQLite's lock."""
RESPITE = 5
"""For so many times the seconds that a database kept somebody waiting in vain, nobody else waits for it."""

_engines: dict[tuple[int, str, str], Engine] = {}
_spared_until: dict[tuple[int, str, str], float] = {}


def make_engine(settings: Settings) -> Engine:
    """An engine for the records' database; it connects when it is used."""
    if is_postgres(settings):
        import psycopg

        def connect() -> Any:  # by libpq's reading of the address, as the shipper does, not by SQLAlchemy's
            return psycopg.connect(
                postgres_address(settings), connect_timeout=REQUEST_CONNECT_SECONDS, application_name="records"
            )

        engine = create_engine("postgresql+psycopg://", creator=connect, pool_size=1, json_serializer=_dumps)
        event.listen(engine, "checkout", _ping)
        return engine
    engine = create_engine(
        f"sqlite:///{sqlite_file(settings)}",
        connect_args={"timeout": REQUEST_CONNECT_SECONDS},
        json_serializer=_dumps,
        json_deserializer=orjson.loads,
    )
    event.listen(engine, "connect", _tune)
    event.listen(engine, "checkout", partial(_same_file, sqlite_file(settings)))
    return engine


@contextmanager
def connected(settings: Settings, seconds: float | None = REQUEST_SECONDS) -> Iterator[Connection]:
    """A connection within a transaction, which is committed at the end, and cut off after ``seconds``.

    Who waited in vain for a connection spares the others: a worker that waits predicts nothing meanwhile.

    Raises:
        StoreUnavailable: there is no database now; nothing was written.
    """
    began, spared_until = time.monotonic(), _spared_until.get(_key(settings), 0.0)
    if began < spared_until:
        raise StoreUnavailable(UNAVAILABLE, {"Retry-After": str(int(spared_until - began) + 1)})
    try:
        connection = _engine(settings).connect()
    except Exception as exc:  # the drivers' errors have nothing in common
        now = time.monotonic()
        _spared_until[_key(settings)] = now + RESPITE * (now - began)
        raise _unavailable(exc, settings) from exc
    try:
        with connection, connection.begin(), _bounded(connection, seconds):
            yield connection
    except SQLAlchemyError as exc:
        raise _unavailable(exc, settings) from exc


def _engine(settings: Settings) -> Engine:
    key = _key(settings)
    if key not in _engines:
        schema.ensure(settings)
        _engines[key] = make_engine(settings)
    return _engines[key]


def _key(settings: Settings) -> tuple[int, str, str]:
    return os.getpid(), settings.database_url, str(settings.var_dir.absolute())


def _bounded(connection: Connection, seconds: float | None) -> Any:
    driver = connection.connection.driver_connection
    if seconds is None or connection.dialect.name != "postgresql" or driver is None:
        return nullcontext()
    return cut_after(seconds, driver.fileno())


def _ping(driver: Any, *_: Any) -> None:
    """A pooled connection may be dead, or its server may hang: asked before it is used, and not for long."""
    try:
        with cut_after(PING_SECONDS, driver.fileno()):
            driver.execute("SELECT 1")
            driver.rollback()
    except Exception as exc:  # the pool then makes a new connection
        raise DisconnectionError from exc


def _unavailable(exc: Exception, settings: Settings) -> StoreUnavailable:
    reason = f"{type(exc).__name__}: {str(exc).splitlines()[0] if str(exc) else ''}"
    log.error("records_database_gone", reason=reason)
    wait = max(5, int(_spared_until.get(_key(settings), 0.0) - time.monotonic()) + 1)
    return StoreUnavailable(UNAVAILABLE, {"Retry-After": str(wait)})


def _dumps(value: Any) -> str:
    return orjson.dumps(value).decode()


def _tune(connection: Any, record: Any) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    record.info["file"] = identity(Path(connection.execute("PRAGMA database_list").fetchone()[2]))


def _same_file(path: Path, _: Any, record: Any, *__: Any) -> None:
    """A database whose file was deleted or replaced is opened anew."""
    if identity(path) != record.info["file"]:
        raise DisconnectionError
