"""The schema: one truth in the tables, one in the migrations, and they are the same."""

import subprocess

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from service.records import schema, shipping
from service.records.database import make_engine
from service.records.migrate import upgrade
from service.records.tables import metadata
from tests.conftest import ROOT


def test_the_migrations_end_where_the_code_expects():
    config = Config()
    config.set_main_option("script_location", str(ROOT / "service" / "records" / "migrations"))
    assert ScriptDirectory.from_config(config).get_heads() == [schema.HEAD]


def differences(settings):
    engine = make_engine(settings)
    with engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection), metadata)
    engine.dispose()
    return found


def test_a_migrated_sqlite_has_the_tables_that_are_asked(make_settings):
    settings = make_settings()
    upgrade(settings)
    upgrade(settings)
    assert differences(settings) == []


@pytest.mark.process
@pytest.mark.xdist_group("postgres")
def test_a_migrated_postgres_has_the_tables_that_are_asked(postgres, make_settings):
    settings = make_settings(DATABASE_URL=postgres.address)
    upgrade(settings)
    assert differences(settings) == []


@pytest.mark.process
def test_racing_processes_make_one_sqlite_database(make_settings):
    settings = make_settings()
    running: list[subprocess.Popen] = [shipping.run_module("service.records.migrate", settings) for _ in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    assert differences(settings) == []
