"""The database for those who ask: one SQLAlchemy engine a process, made when it is first asked for.

Whoever only writes records imports none of this.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from service.errors import StoreUnavailable
from service.records import schema
from service.records.address import CONNECT_SECONDS, is_postgres, postgres_address, sqlite_file
from service.settings import Settings
from service.telemetry import log

_engines: dict[tuple[int, str, str], Engine] = {}


def make_engine(settings: Settings) -> Engine:
    """An engine for the records' database; it connects when it is used."""
    if is_postgres(settings):
        address = "postgresql+psycopg://" + postgres_address(settings).partition("://")[2]
        arguments: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS, "application_name": "records"}
        return create_engine(
            address,
            connect_args=arguments,
            pool_pre_ping=True,
            pool_size=1,
            json_serializer=_dumps,
            isolation_level=None,
        )
    engine = create_engine(
        f"sqlite:///{sqlite_file(settings)}",
        connect_args={"timeout": CONNECT_SECONDS},
        json_serializer=_dumps,
        json_deserializer=orjson.loads,
    )
    event.listen(engine, "connect", _tune)
    return engine


@contextmanager
def connected(settings: Settings) -> Iterator[Connection]:
    """A connection within a transaction, which is committed at the end.

    Raises:
        StoreUnavailable: there is no database now; nothing was written.
    """
    try:
        engine = _engine(settings)
    except Exception as fault:  # the drivers' errors have nothing in common
        raise _unavailable(fault) from fault
    try:
        with engine.begin() as connection:
            yield connection
    except SQLAlchemyError as fault:
        raise _unavailable(fault) from fault


def _engine(settings: Settings) -> Engine:
    key = (os.getpid(), settings.database_url, str(settings.var_dir.absolute()))
    if key not in _engines:
        schema.ensure(settings)
        _engines[key] = make_engine(settings)
    return _engines[key]


def _unavailable(fault: Exception) -> StoreUnavailable:
    log.error(
        "records_database_gone", reason=f"{type(fault).__name__}: {str(fault).splitlines()[0] if str(fault) else ''}"
    )
    return StoreUnavailable("The records' database does not answer; try again later.", {"Retry-After": "5"})


def _dumps(value: Any) -> str:
    return orjson.dumps(value).decode()


def _tune(connection: Any, _: Any) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
