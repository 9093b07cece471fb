"""The process that moves records from the spool to the database, and who starts and stops it."""
