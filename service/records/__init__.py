"""Every prediction that was answered, kept: a local spool on the request's path, the database off it."""
