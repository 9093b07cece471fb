"""Start a twin under uvicorn as it would be deployed: ``python -m benchmarks.twins.serve APP [--workers N]``."""

import argparse
import os
from typing import Any

import uvicorn

from benchmarks.twins.loading import prepare_host
from service.settings import Settings


def main() -> None:
    """Prepare what the workers share, then hand over to uvicorn: uvloop, httptools, no access log of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("app", help="module:attribute, e.g. benchmarks.twins.tuned.routes:app")
    parser.add_argument("--port", type=int, default=8001)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--defaults", action="store_true", help="uvicorn as it comes, access log included")
    parser.add_argument(
        "--one-write", action="store_true", help="head and body in one send: uvicorn's protocol changed"
    )
    chosen = parser.parse_args()
    prepare_host(Settings.read(os.environ))
    tuned = {} if chosen.defaults else LEAN | ({"http": ONE_WRITE} if chosen.one_write else {})
    uvicorn.run(chosen.app, host="127.0.0.1", port=chosen.port, workers=chosen.workers, **tuned)


ONE_WRITE = "benchmarks.twins.one_write:OneWriteProtocol"
LEAN: dict[str, Any] = {
    "loop": "uvloop",
    "http": "httptools",
    "ws": "none",
    "lifespan": "on",
    "timeout_keep_alive": 75,
    "access_log": False,
    "proxy_headers": False,
    "server_header": False,
    "log_level": "warning",
}

if __name__ == "__main__":
    main()
