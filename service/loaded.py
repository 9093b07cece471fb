"""The application with its model loaded, for servers without a hook in each worker: uWSGI, mod_wsgi, granian, waitress.

Importing it loads the model and starts threads, so it must be imported in the process that answers, not before a fork.
gunicorn needs ``wsgi:app`` instead: its hooks do this after the fork.
"""

from service.app import create_app
from service.models import watcher

application = create_app()
watcher.start(application.settings)
