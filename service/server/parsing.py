"""Request heads, parsed in one step where that is sure to be right, and by gunicorn's own parser everywhere else.

Accept fast, refuse slowly: plain_heads.py accepts what is valid beyond doubt, and gunicorn decides about the rest.
Heads that come again are looked up by their bytes.
"""

from typing import Any

from service.server.plain_heads import PlainHeads
from service.server.request import HeadReader, ParsedRequest
from service.server.rules import ConfigSnapshot, environ_fields, is_trusted


class HeadParser:
    """Parses request heads; keeps at most ``MAX_HEADS`` of at most ``MAX_HEAD_BYTES`` each by their bytes."""

    MAX_HEADS, MAX_HEAD_BYTES = 512, 1024

    def __init__(self, cfg: ConfigSnapshot, script_name: str = "") -> None:
        self._cfg = cfg
        self._script = script_name
        self.plain = PlainHeads(cfg, script_name)
        self._cached: dict[bool, dict[bytes, ParsedRequest]] = {True: {}, False: {}}
        self._seen = [0] * 4 * self.MAX_HEADS
        limits = cfg.limit_request_fields, cfg.limit_request_field_size
        self.max_head = (limits[0] if 0 < limits[0] <= 32768 else 32768) * ((limits[1] or 8190) + 2) + 8194
        self.max_line = cfg.limit_request_line if 0 < cfg.limit_request_line < 8190 else 8190

    def parse(self, head: bytes, client: Any, number: int) -> ParsedRequest:
        """The request of a whole head, the ``number``-th of its connection; its body is not read.

        Raises:
            gunicorn.http.errors.ParseException: gunicorn refuses it, or a rule of ours.
        """
        trusted = not isinstance(client, tuple) or is_trusted(self._cfg, client[0])
        cached = self._cached[trusted].get(head)
        if cached is not None:
            return cached.copy_for(client, number)
        req = self.plain.parse(head, trusted, client, number) or self.parse_any(head, client, number)
        if len(head) <= self.MAX_HEAD_BYTES:
            self._remember(head, trusted, req)
        return req

    def _remember(self, head: bytes, trusted: bool, req: ParsedRequest) -> None:
        """Keep a head that comes for the second time; of one that has come once its hash alone is kept."""
        seen = hash(head)
        slot = seen % len(self._seen)
        if self._seen[slot] != seen:
            self._seen[slot] = seen
            return
        cached = self._cached[trusted]
        if len(cached) >= self.MAX_HEADS:
            cached.clear()
        cached[head] = req.copy_for(req.peer_addr, req.req_number)

    def parse_any(self, head: bytes, client: Any, number: int) -> ParsedRequest:
        """The request of a head, by gunicorn's parser and our rules.

        Raises:
            gunicorn.http.errors.ParseException: it is refused.
            gunicorn.http.errors.ConfigurationProblem: the path is not under SCRIPT_NAME.
        """
        req = ParsedRequest(self._cfg, HeadReader(head), client, number)
        req.environ_fields = environ_fields(req, self._script)
        return req
