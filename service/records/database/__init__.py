"""The records in the database: connections, tables, queries. The one package that imports SQLAlchemy."""
