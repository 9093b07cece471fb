"""Flask lives here, and in app.py: hooks, the error handler, documents and views. Nothing below knows of HTTP."""
