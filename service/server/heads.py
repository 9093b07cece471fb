"""Heads that were parsed before: a client that keeps its connection sends the same one again and again.

What a head means depends on its bytes and on whether the peer is a trusted proxy, on nothing else. The headers that
tracers and proxies make anew for each request mean nothing to gunicorn: they are taken out, the rest is looked up.
"""

import re
from io import BytesIO
from typing import Any

from gunicorn.http.unreader import Unreader

from service.server.options import Snapshot
from service.server.reading import LeanRequest, trusted

NEW_EACH_TIME = frozenset(
    {
        *("traceparent", "tracestate", "baggage", "sentry-trace", "x-cloud-trace-context", "x-amzn-trace-id"),
        *("b3", "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid"),
        *("x-request-id", "x-correlation-id", "x-request-start", "cf-ray", "idempotency-key"),
    }
)
UNUSUAL = frozenset({"EXPECT", "UPGRADE"})
"""Headers whose requests are left to gunicorn's own handling."""
_PLAIN = re.compile(rb"[\t\x20-\x7e]{0,512}").fullmatch


class Head(Unreader):  # type: ignore[misc]  # gunicorn has no types
    """The bytes of a whole head, as gunicorn's parser reads them."""

    def __init__(self, head: bytes) -> None:
        self.buf = BytesIO(head)

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Nothing follows."""
        return b""


class Heads:
    """Parses heads, and remembers as many as ``MOST`` of at most ``LONGEST`` bytes."""

    MOST, LONGEST = 512, 1024

    def __init__(self, cfg: Snapshot) -> None:
        self._cfg = cfg
        self._known: dict[tuple[bytes, bool], LeanRequest] = {}
        names = {name.upper() for name in NEW_EACH_TIME}.difference(cfg.secure_scheme_headers)
        self._names = {name.lower().encode(): name for name in names}
        limits = cfg.limit_request_fields, cfg.limit_request_field_size
        # A header that is taken out is not counted by gunicorn: only where no limit is near.
        self._most_lines = 32 if limits[0] >= 32 and not 0 < limits[1] < 1024 else 0

    def parse(self, head: bytes, client: Any, number: int) -> LeanRequest:
        """The request of a whole head; its body is not read.

        Raises:
            gunicorn.http.errors.ParseException: it is refused.
        """
        trust = not isinstance(client, tuple) or trusted(self._cfg, client[0])
        own: list[tuple[str, str]] = []
        known = self._known.get((head, trust))
        if known is None:
            head, own = self._apart(head)
            known = self._known.get((head, trust)) or self._learn(head, trust, client, number)
        req = LeanRequest.__new__(LeanRequest)
        req.__dict__.update(known.__dict__)
        req.peer_addr = req.remote_addr = client
        req.req_number = number
        if own:
            req.headers, req.own = [*known.headers, *own], own
        return req

    def _learn(self, head: bytes, trust: bool, client: Any, number: int) -> LeanRequest:
        req = LeanRequest(self._cfg, Head(head), client, number)
        req.common, req.fields = req.headers, {}
        req.unusual = not UNUSUAL.isdisjoint([name for name, _ in req.headers])
        req.should_close()
        if len(head) <= self.LONGEST:
            if len(self._known) >= self.MOST:
                self._known.clear()
            self._known[head, trust] = req
        return req

    def _apart(self, head: bytes) -> tuple[bytes, list[tuple[str, str]]]:
        """A head without the headers that are new each time, and those."""
        lines = head.split(b"\r\n")
        own: list[tuple[str, str]] = []
        if len(lines) > self._most_lines or b"\r\n " in head or b"\r\n\t" in head:  # folded lines
            return head, own
        kept = lines[:1]
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            known = self._names.get(name.lower())
            if known is None:
                kept.append(line)
            elif _PLAIN(value):
                own.append((known, value.strip(b" \t").decode("ascii")))
            else:
                return head, []  # of several with one name the order counts
        return b"\r\n".join(kept) if own else head, own
