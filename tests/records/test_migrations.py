"""The schema: the migrations make the tables that the queries expect."""

import sqlite3
import subprocess
from contextlib import closing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from service.records import recorder
from service.records.database.connection import make_engine
from service.records.database.migrate import upgrade
from service.records.database.tables import metadata
from service.records.database_url import sqlite_file
from service.records.recorder import Recorder
from service.records.shipper import sinks, supervisor
from service.records.spool.files import pending_bytes, read_counts, spool_folder
from tests.conftest import ROOT
from tests.records.conftest import WAIT_SECONDS, drain, make_record


def test_the_migrations_end_where_the_code_expects():
    config = Config()
    config.set_main_option("script_location", str(ROOT / "service" / "records" / "database" / "migrations"))
    assert ScriptDirectory.from_config(config).get_heads() == [sinks.HEAD]


def differences(settings):
    engine = make_engine(settings)
    with engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection), metadata)
    engine.dispose()
    return found


def test_a_migrated_sqlite_has_the_tables_of_the_queries(make_settings):
    settings = make_settings()
    upgrade(settings)
    upgrade(settings)
    assert differences(settings) == []


@pytest.mark.process
@pytest.mark.xdist_group("postgres")
def test_a_migrated_postgres_has_the_tables_of_the_queries(postgres, make_settings):
    settings = make_settings(DATABASE_URL=postgres.address)
    upgrade(settings)
    assert differences(settings) == []


@pytest.mark.process
def test_racing_processes_make_one_sqlite_database(make_settings):
    settings = make_settings()
    running: list[subprocess.Popen] = [
        supervisor.run_module("service.records.database.migrate", settings) for _ in range(3)
    ]
    assert [process.wait(WAIT_SECONDS) for process in running] == [0, 0, 0]
    assert differences(settings) == []


@pytest.mark.process
def test_a_database_of_a_newer_schema_is_left_alone_and_the_records_wait(make_settings):
    settings = make_settings()
    folder = spool_folder(settings)

    def move_to(revision):
        with closing(sqlite3.connect(sqlite_file(settings), WAIT_SECONDS, isolation_level=None)) as database:
            database.execute("UPDATE alembic_version SET version_num = ?", [revision])

    upgrade(settings)
    move_to("9999")
    records = Recorder(settings)
    records.open()
    records.append(make_record(2))
    recorder.close_all()
    with pytest.raises(sinks.SchemaError, match=r"schema 9999.*DATABASE_URL"):
        upgrade(settings)
    with pytest.raises(sinks.SchemaError):
        sinks.ensure_schema(settings)
    supervisor.drain(settings, seconds=2)
    assert pending_bytes(folder) and read_counts(folder).shipped == read_counts(folder).lost == 0
    move_to(sinks.HEAD)
    drain(settings)
    assert read_counts(folder).shipped == 2
