"""The records in the database: tables, queries, and what is made of them. The one room that imports SQLAlchemy."""
