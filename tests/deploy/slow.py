"""A WSGI application whose answer waits for a file: what a server does with a request that runs when it is stopped."""

import os
import time
from pathlib import Path


def application(environ, start_response):
    """Say that the request runs, wait until it may end, answer."""
    folder = Path(os.environ["SLOW_FOLDER"])
    if environ["PATH_INFO"] == "/slow":
        (folder / "runs").touch()
        deadline = time.monotonic() + 60
        while not (folder / "may-end").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "8")])
    return [b"answered"]
