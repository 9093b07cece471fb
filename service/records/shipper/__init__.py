"""The process that loads records from the spool into the database, and its supervisor."""
