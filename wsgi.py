"""What a WSGI server runs: ``gunicorn wsgi:app``; mod_wsgi and uWSGI look for ``application``."""

from service.app import create_app

app = create_app()
application = app
