"""The spool: one line a record in a local file of the worker, appended before the answer goes out."""
