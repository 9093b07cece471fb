"""Everything that knows Flask: hooks, error handler, docs, views."""
