"""Requests read by gunicorn's own parser; from a socket with a limit to its slowness."""

import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, ClassVar

from gunicorn.http.message import Request, _ip_in_allow_list
from gunicorn.http.parser import RequestParser
from gunicorn.http.unreader import SocketUnreader

from schemas.errors import RequestTimeout
from service.server.options import Snapshot

SLOWEST = 64 * 1024
"""Bytes a second: a long body or answer gets a second more for so many."""


@lru_cache(maxsize=1024)
def trusted(cfg: Snapshot, address: str) -> bool:
    """Whether a peer may say who its clients are, and by which scheme."""
    return bool(_ip_in_allow_list(address, cfg.forwarded_allow_ips, cfg.forwarded_allow_networks()))


class LeanRequest(Request):  # type: ignore[misc]  # gunicorn has no types
    """A request whose peer is looked up once an address, and whose first line once: an API has few of them.

    ``common`` are the headers that all requests of one head share, ``fields`` what these say in a WSGI environ, filled
    by whoever asks first; ``own`` are the headers of this one alone, none of which gunicorn itself looks at.
    """

    common: Sequence[tuple[str, str]]
    fields: dict[str, Any]
    own: Sequence[tuple[str, str]] = ()
    unusual: bool
    _closes: bool | None = None
    _LINE = ("method", "uri", "path", "query", "fragment", "version")
    _lines: ClassVar[dict[bytes, dict[str, Any]]] = {}

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        # gunicorn knows "close" standing alone; clients send "TE, close" (RFC 9112, 9.6)
        for name, value in self.headers:
            if name == "CONNECTION" and "close" in [option.strip() for option in value.lower().split(",")]:
                self.must_close = True

    def should_close(self) -> bool:
        """Whether the connection ends with this request; what its head says of that is found out once."""
        if self.must_close:
            return True
        if self._closes is None:
            self._closes = bool(super().should_close())
        return self._closes

    def parse_request_line(self, line_bytes: bytes) -> None:
        """Take the first line apart, by gunicorn's rules; what it means depends on nothing else."""
        known = self._lines.get(line_bytes)
        if known is not None:
            self.__dict__.update(known)
            return
        super().parse_request_line(line_bytes)
        if len(line_bytes) <= 256:
            if len(self._lines) >= 512:
                self._lines.clear()
            self._lines[line_bytes] = {name: getattr(self, name) for name in self._LINE}

    def _peer_is_trusted_proxy(self) -> bool:
        return not isinstance(self.peer_addr, tuple) or trusted(self.cfg, self.peer_addr[0])


class SlowReader(SocketUnreader):  # type: ignore[misc]  # gunicorn has no types
    """Reads a socket in a thread, and gives up on a client that sends too slowly."""

    def __init__(self, sock: Any, patience: float) -> None:
        super().__init__(sock)
        self.patience = patience
        self.deadline = time.monotonic() + patience

    def chunk(self, size_hint: int | None = None) -> bytes:
        """What the socket has.

        Raises:
            RequestTimeout: nothing came for long, or too little on the whole.
        """
        left = self.deadline - time.monotonic()
        try:
            self.sock.settimeout(max(0.001, min(left, self.patience)))
            found: bytes = super().chunk(size_hint)
        except TimeoutError:
            raise RequestTimeout("The body did not arrive in time.") from None
        finally:
            self.sock.settimeout(self.patience)  # the answer's turn
        self.deadline += len(found) / SLOWEST
        return found


class SlowParser(RequestParser):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's parser over a socket of which some bytes were read already."""

    mesg_class = LeanRequest

    def __init__(self, cfg: Snapshot, sock: Any, client: Any, read: bytes, patience: float) -> None:
        super().__init__(cfg, sock, client)
        self.unreader = SlowReader(sock, patience)
        self.unreader.unread(read)
