"""A client's connection as the poller keeps it between two events."""

from typing import Any

from gunicorn.workers.gthread import TConn

from service.server.environ import peer_environ


class Connection(TConn):  # type: ignore[misc]  # gunicorn has no types
    """A connection, what was read of its next requests and what of its answer is not sent yet."""

    def __init__(self, cfg: Any, sock: Any, client: Any, server: Any, environ: dict[str, Any]) -> None:
        super().__init__(cfg, sock, client, server)
        self.initialized = self.data_ready = True
        self.environ = environ | peer_environ(client, server)
        self.read = bytearray()
        self.req: Any = None
        self.head = self.whole = self.requests = 0
        self.unsent = memoryview(b"")
        self.keep = self.closing = False
        self.deadline = self.limit = 0.0
