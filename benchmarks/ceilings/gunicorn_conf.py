"""gunicorn for a bare app: our worker class and nothing of ours besides."""

import os

import gunicorn

wanted = os.environ.get("WORKER_CLASS", "gthread")
try:
    from service.web.worker import WORKER_CLASSES  # where the lean worker lives, once it is there

    worker_class = WORKER_CLASSES.get(wanted, wanted)
except ImportError:
    worker_class = "gthread" if wanted == "inline" else wanted
threads = 4
preload_app = True
control_socket_disable = True
SERVER = gunicorn.SERVER
