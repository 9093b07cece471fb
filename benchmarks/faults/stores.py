"""Faults of the stores: the database of the records, and Redis."""

import random
import signal
import sqlite3
import time
from collections.abc import Callable

from benchmarks.faults.definition import HOLD, Break, Fault
from benchmarks.faults.service import Service

REDIS = (("RATE_LIMIT", "1000000/minute"), ("CACHE", "redis"), ("REDIS_URL", "redis://127.0.0.1:{redis}/0"))
HAS_REDIS, HAS_POSTGRES = ("redis",), ("postgres",)
POSTGRES = (("DATABASE_URL", "postgresql://tester@127.0.0.1:{postgres}/postgres"),)


def _lock_sqlite(service: Service, _draw: random.Random) -> None:
    database = service.var / "predictions.db"
    service.until(database.exists)
    with sqlite3.connect(database, timeout=30, isolation_level=None) as held:
        held.execute("BEGIN EXCLUSIVE")
        time.sleep(2 * HOLD)
        held.execute("ROLLBACK")
    held.close()


def _for_a_while(act: Callable[[Service], None], mend: Callable[[Service], None]) -> Break:
    def make(service: Service, _draw: random.Random) -> None:
        act(service)
        time.sleep(2 * HOLD)
        mend(service)
        time.sleep(HOLD)

    return make


def _stop_redis(service: Service) -> None:
    service.redis.stop()


def _start_redis(service: Service) -> None:
    service.redis.start()


def _signal_redis(number: int) -> Callable[[Service], None]:
    return lambda service: service.redis.signal(number)


def _fill_redis(service: Service) -> None:
    service.redis.command("CONFIG", "SET", "maxmemory", "1")


def _empty_redis(service: Service) -> None:
    service.redis.command("CONFIG", "SET", "maxmemory", "0")


def _slow(seconds: float) -> Callable[[Service], None]:
    def act(service: Service) -> None:
        service.proxy.delay = seconds

    return act


def _postgres_stops(service: Service, _draw: random.Random) -> None:
    service.postgres.stop()
    time.sleep(2 * HOLD)
    service.postgres.start()


def _postgres_hangs(service: Service, _draw: random.Random) -> None:
    service.postgres.signal(signal.SIGSTOP)
    time.sleep(2 * HOLD)
    service.postgres.signal(signal.SIGCONT)


def _postgres_read_only(service: Service, _draw: random.Random) -> None:
    """As after a failover to a standby."""
    service.postgres.query("ALTER SYSTEM SET default_transaction_read_only = on")
    service.postgres.query("SELECT pg_reload_conf()")
    time.sleep(2 * HOLD)
    service.postgres.query("ALTER SYSTEM RESET default_transaction_read_only")
    service.postgres.query("SELECT pg_reload_conf()")


def _postgres_disconnects(service: Service, _draw: random.Random) -> None:
    for _ in range(5):
        service.postgres.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        time.sleep(HOLD / 4)


FAULTS = (
    Fault("database_locked", "SQLite locked by another for 4 s", _lock_sqlite),
    Fault(
        "redis_stopped",
        "Redis ends, and is started after 4 s",
        _for_a_while(_stop_redis, _start_redis),
        REDIS,
        needs=HAS_REDIS,
    ),
    Fault(
        "redis_frozen",
        "Redis frozen for 4 s",
        _for_a_while(_signal_redis(signal.SIGSTOP), _signal_redis(signal.SIGCONT)),
        REDIS,
        needs=HAS_REDIS,
    ),
    Fault(
        "redis_full",
        "Redis has no memory for 4 s",
        _for_a_while(_fill_redis, _empty_redis),
        REDIS,
        needs=HAS_REDIS,
    ),
    Fault(
        "redis_slow",
        "Redis answers after 80 ms, for 4 s",
        _for_a_while(_slow(0.08), _slow(0)),
        tuple((name, value.replace("{redis}", "{slow_redis}")) for name, value in REDIS),
        needs=HAS_REDIS,
    ),
    Fault(
        "postgres_stopped",
        "PostgreSQL killed, and started after 4 s",
        _postgres_stops,
        POSTGRES,
        needs=HAS_POSTGRES,
    ),
    Fault("postgres_frozen", "PostgreSQL frozen for 4 s", _postgres_hangs, POSTGRES, needs=HAS_POSTGRES),
    Fault(
        "postgres_read_only", "PostgreSQL takes no writes for 4 s", _postgres_read_only, POSTGRES, needs=HAS_POSTGRES
    ),
    Fault(
        "postgres_disconnects",
        "PostgreSQL ends every connection, five times",
        _postgres_disconnects,
        POSTGRES,
        needs=HAS_POSTGRES,
    ),
    Fault(
        "postgres_slow",
        "PostgreSQL is 100 ms away, for 4 s",
        _for_a_while(_slow(0.1), _slow(0)),
        tuple((name, value.replace("{postgres}", "{slow_postgres}")) for name, value in POSTGRES),
        needs=HAS_POSTGRES,
    ),
)
