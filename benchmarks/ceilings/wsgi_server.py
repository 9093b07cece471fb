"""Serve a WSGI app with a server that is a C extension: ``python -m benchmarks.ceilings.wsgi_server NAME PORT APP``."""

import importlib
import sys
from typing import Any


def main(server: str, port: int, app: Any) -> None:
    """Serve ``app`` in this process until a signal ends it."""
    module = importlib.import_module(server)
    if server == "fastpysgi":
        module.server.hook_sigint = 2
        module.run(app, "127.0.0.1", port, loglevel=0, workers=1)
    else:
        module.run(app, "127.0.0.1", port)


if __name__ == "__main__":
    place, _, name = sys.argv[3].partition(":")
    main(sys.argv[1], int(sys.argv[2]), getattr(importlib.import_module(place), name))
