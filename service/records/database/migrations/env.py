"""Alembic's entry: runs the migrations on the connection of service.records.database.migrate."""

from alembic import context

from service.records.database.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
