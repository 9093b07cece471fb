"""Docker's health check: asks /health/ready at the address that the service listens on, whatever BIND says."""

import http.client
import os
import socket
import sys

from service.settings import Settings

SECONDS = 4


def main() -> int:
    """0 where the service can predict."""
    address = Settings.read(os.environ).bind
    if address.unix:
        connection = http.client.HTTPConnection("localhost", timeout=SECONDS)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(SECONDS)
        connection.sock.connect(address.unix)
    else:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)  # noqa: S104 - every address
        connection = http.client.HTTPConnection(host, address.port, timeout=SECONDS)
    connection.request("GET", os.environ.get("SCRIPT_NAME", "").rstrip("/") + "/health/ready")
    return int(connection.getresponse().status != http.client.OK)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except OSError as exc:
        sys.exit(f"{type(exc).__name__}: {exc}")
