"""gunicorn for a bare app: our worker class and settings, and nothing of ours besides."""

import os

wanted = os.environ.get("WORKER_CLASS", "gthread")
worker_class = {"inline": "service.server.worker.InlineWorker"}.get(wanted, wanted)
threads = 4
preload_app = True
keepalive = 75
control_socket_disable = True
