"""gunicorn for a twin under its own ASGI worker: what the workers share is prepared once, before the fork."""

import os
from typing import Any

from benchmarks.twins.loading import prepare_host
from service.settings import Settings

control_socket_disable = True
keepalive = 75
accesslog = None


def on_starting(server: Any) -> None:
    """In the master."""
    prepare_host(Settings.read(os.environ))
