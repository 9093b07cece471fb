<<<<<<< HEAD
"""Flask lives here, and in app.py: hooks, the error handler, documents and views. Nothing below knows of HTTP."""
=======
"""Everything that knows Flask: hooks, error handler, docs, views."""
>>>>>>> speed
