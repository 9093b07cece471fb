"""Request heads, parsed by gunicorn's own parser and cached: a client with keep-alive sends the same head many times.

What a head means depends on its bytes and on whether the peer is a trusted proxy, on nothing else. Headers that tracers
and proxies make anew for each request mean nothing to gunicorn. They are taken out, and the rest of the head is looked
up.
"""

import re
import time
from collections.abc import Sequence
from functools import lru_cache
from io import BytesIO
from typing import Any, ClassVar, Self

from gunicorn.http.message import Request, _ip_in_allow_list
from gunicorn.http.parser import RequestParser
from gunicorn.http.unreader import SocketUnreader, Unreader

from schemas.errors import RequestTimeout

UNIQUE_HEADERS = frozenset(
    {
        *("traceparent", "tracestate", "baggage", "sentry-trace", "x-cloud-trace-context", "x-amzn-trace-id"),
        *("b3", "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid"),
        *("x-request-id", "x-correlation-id", "x-request-start", "cf-ray", "idempotency-key"),
    }
)
"""Headers whose values are unique per request."""
GTHREAD_HEADERS = frozenset({"EXPECT", "UPGRADE"})
"""Headers whose requests are left to gunicorn's own handling."""
MIN_RATE = 64 * 1024
"""Bytes a second: a long body or response gets a second more for each so many."""
_PLAIN_VALUE = re.compile(rb"[\t\x20-\x7e]{0,512}").fullmatch


class ConfigSnapshot:
    """gunicorn's settings as plain attributes; properties and methods are still those of the settings themselves."""

    def __init__(self, cfg: Any) -> None:
        self._cfg = cfg
        computed = dir(type(cfg))
        self.__dict__.update({name: row.get() for name, row in cfg.settings.items() if name not in computed})
        self.is_ssl = cfg.is_ssl

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cfg, name)


@lru_cache(maxsize=1024)
def is_trusted(cfg: ConfigSnapshot, address: str) -> bool:
    """Whether a peer may say who its clients are, and by which scheme."""
    return bool(_ip_in_allow_list(address, cfg.forwarded_allow_ips, cfg.forwarded_allow_networks()))


class CachedRequest(Request):  # type: ignore[misc]  # gunicorn has no types
    """A request that can be copied for the next client that sends the same head.

    ``shared_headers`` are those of all its copies, ``environ_fields`` what they are in a WSGI environ (filled on first
    use), ``unique_headers`` those of this request alone. ``for_gthread`` tells that it has one of ``GTHREAD_HEADERS``.
    """

    shared_headers: Sequence[tuple[str, str]]
    unique_headers: Sequence[tuple[str, str]] = ()
    environ_fields: dict[str, Any]
    for_gthread: bool
    _closes: bool | None = None
    _LINE = ("method", "uri", "path", "query", "fragment", "version")
    _lines: ClassVar[dict[bytes, dict[str, Any]]] = {}

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.shared_headers, self.environ_fields = self.headers, {}
        self.for_gthread = not GTHREAD_HEADERS.isdisjoint([name for name, _ in self.headers])
        # gunicorn knows "close" standing alone; clients send "TE, close" (RFC 9112, 9.6)
        for name, value in self.headers:
            if name == "CONNECTION" and "close" in [option.strip() for option in value.lower().split(",")]:
                self.must_close = True

    def copy_for(self, client: Any, number: int, unique_headers: Sequence[tuple[str, str]]) -> Self:
        """A request with the same head and these headers besides, the ``number``-th of its connection.

        The copy does not run gunicorn's constructor, which parses.
        """
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        copy.peer_addr = copy.remote_addr = client
        copy.req_number = number
        if unique_headers:
            copy.headers = [*self.shared_headers, *unique_headers]
            copy.unique_headers = unique_headers
        return copy

    def should_close(self) -> bool:
        """Whether the connection ends with this request; what the head says about it is computed once."""
        if self.must_close:
            return True
        if self._closes is None:
            self._closes = bool(super().should_close())
        return self._closes

    def parse_request_line(self, line_bytes: bytes) -> None:
        """Parse the first line by gunicorn's rules. It is cached, since an API has few of them."""
        cached = self._lines.get(line_bytes)
        if cached is not None:
            self.__dict__.update(cached)
            return
        super().parse_request_line(line_bytes)
        if len(line_bytes) <= 256:
            if len(self._lines) >= 512:
                self._lines.clear()
            self._lines[line_bytes] = {name: getattr(self, name) for name in self._LINE}

    def _peer_is_trusted_proxy(self) -> bool:
        return not isinstance(self.peer_addr, tuple) or is_trusted(self.cfg, self.peer_addr[0])


class HeadReader(Unreader):  # type: ignore[misc]  # gunicorn has no types
    """The bytes of a whole head, as gunicorn's parser reads them."""

    def __init__(self, head: bytes) -> None:
        self.buf = BytesIO(head)

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Nothing follows."""
        return b""


class HeadCache:
    """Parses request heads; caches at most ``MAX_HEADS`` of at most ``MAX_HEAD_BYTES`` each."""

    MAX_HEADS, MAX_HEAD_BYTES = 512, 1024

    def __init__(self, cfg: ConfigSnapshot) -> None:
        self._cfg = cfg
        self._cached: dict[tuple[bytes, bool], CachedRequest] = {}
        unique = {name.upper() for name in UNIQUE_HEADERS}.difference(cfg.secure_scheme_headers)
        self._unique = {name.lower().encode(): name for name in unique}
        limits = cfg.limit_request_fields, cfg.limit_request_field_size
        # gunicorn does not count a header that was taken out, so none is where a limit may be near.
        self._max_lines = 32 if limits[0] >= 32 and not 0 < limits[1] < 1024 else 0

    def parse(self, head: bytes, client: Any, number: int) -> CachedRequest:
        """The request of a whole head, the ``number``-th of its connection; its body is not read.

        Raises:
            gunicorn.http.errors.ParseException: gunicorn refuses it.
        """
        trusted = not isinstance(client, tuple) or is_trusted(self._cfg, client[0])
        unique: list[tuple[str, str]] = []
        cached = self._cached.get((head, trusted))
        if cached is None:
            head, unique = self._split_unique(head)
            cached = self._cached.get((head, trusted)) or self._parse_new(head, trusted, client, number)
        return cached.copy_for(client, number, unique)

    def _parse_new(self, head: bytes, trusted: bool, client: Any, number: int) -> CachedRequest:
        req = CachedRequest(self._cfg, HeadReader(head), client, number)
        req.should_close()  # computed now, for all copies
        if len(head) <= self.MAX_HEAD_BYTES:
            if len(self._cached) >= self.MAX_HEADS:
                self._cached.clear()
            self._cached[head, trusted] = req
        return req

    def _split_unique(self, head: bytes) -> tuple[bytes, list[tuple[str, str]]]:
        """A head without the headers that are unique per request, and those headers."""
        lines = head.split(b"\r\n")
        unique: list[tuple[str, str]] = []
        if len(lines) > self._max_lines or b"\r\n " in head or b"\r\n\t" in head:  # folded lines
            return head, unique
        others = lines[:1]
        for line in lines[1:]:
            raw_name, _, value = line.partition(b":")
            name = self._unique.get(raw_name.lower())
            if name is None:
                others.append(line)
            elif _PLAIN_VALUE(value):
                unique.append((name, value.strip(b" \t").decode("ascii")))
            else:
                return head, []  # where a name is repeated the order counts
        return b"\r\n".join(others) if unique else head, unique


class TimedReader(SocketUnreader):  # type: ignore[misc]  # gunicorn has no types
    """Reads a socket in a thread; a client that sends too slowly is timed out."""

    def __init__(self, sock: Any, timeout: float) -> None:
        super().__init__(sock)
        self._timeout = timeout
        self._deadline = time.monotonic() + timeout

    def chunk(self, size_hint: int | None = None) -> bytes:
        """What the socket has.

        Raises:
            RequestTimeout: nothing came for the timeout, or fewer than ``MIN_RATE`` bytes a second beyond it.
        """
        left = self._deadline - time.monotonic()
        try:
            self.sock.settimeout(max(0.001, min(left, self._timeout)))
            found: bytes = super().chunk(size_hint)
        except TimeoutError:
            raise RequestTimeout("The body did not arrive in time.") from None
        finally:
            self.sock.settimeout(self._timeout)  # for sending the response
        self._deadline += len(found) / MIN_RATE
        return found


class TimedParser(RequestParser):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's parser over a socket of which ``received`` was read already."""

    mesg_class = CachedRequest

    def __init__(self, cfg: ConfigSnapshot, sock: Any, client: Any, received: bytes, timeout: float) -> None:
        super().__init__(cfg, sock, client)
        self.unreader = TimedReader(sock, timeout)
        self.unreader.unread(received)
