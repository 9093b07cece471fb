"""Request heads, parsed in one step where that is sure to be right, and by gunicorn's own parser everywhere else.

Accept fast, refuse slowly. One regular expression accepts the heads that ordinary clients send, and the WSGI environ is
made from what it found. It refuses nothing: every head that it does not match, and every header that means something
beyond its value, goes to gunicorn's parser, which decides. Heads that come again are looked up by their bytes.
"""

import re
from functools import lru_cache
from io import BytesIO
from typing import Any, Self
from urllib.parse import unquote_to_bytes

from gunicorn.http.body import LengthReader
from gunicorn.http.unreader import Unreader

from service.server.rules import (
    ConfigSnapshot,
    StrictRequest,
    connection_options,
    environ_fields,
    is_trusted,
    is_valid_host,
)

PLAIN_HEAD = re.compile(
    rb"([A-Z]{3,20}) (/[!\"$-~]*+) HTTP/1\.([01])\r\n"
    rb"((?:[!#$%&'*+\-.^`|~0-9A-Za-z]++:[\t\x20-\x7e\x80-\xff]*+\r\n)*+)\r\n"
)
"""A head without doubt: method, target, minor version, header lines. It reads each byte once (possessive quantifiers).

A target with a fragment, a name with an underscore, folded lines and control characters are left to gunicorn.
"""
ONCE = frozenset({"HTTP_HOST", "HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH", "HTTP_CONNECTION"})
_IN_ENVIRON = {"uri": "RAW_URI", "query": "QUERY_STRING"}
_valid_host = lru_cache(maxsize=256)(is_valid_host)
_keys: dict[str, str] = {}


class ParsedRequest(StrictRequest):
    """A request of the inline worker, which can be copied for the next client that sends the same head.

    ``environ_fields`` is what the head says in a WSGI environ, and shared by all copies. ``length`` is that of the body
    in bytes, None when it is chunked.
    """

    environ_fields: dict[str, Any]
    length: int | None
    must_close = False
    proxy_protocol_info = None
    trailers = ()
    body: Any = None
    fragment = ""
    _closes: bool
    _expected_100_continue = False

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.length = self.body.reader.length if type(self.body.reader) is LengthReader else None
        self._closes = bool(super().should_close())

    @property
    def expects_continue(self) -> bool:
        """Whether the client waits for a 100 before it sends the body."""
        return self._expected_100_continue

    def __getattr__(self, name: str) -> Any:
        """What only hooks and logs ask for of a plain head: made from its header lines and its environ when asked."""
        fields = self.__dict__
        if name == "headers":
            lines = [line.partition(":") for line in fields["lines"].split("\r\n")[:-1]]
            self.headers = [(key.upper(), value.strip(" \t")) for key, _, value in lines]
        elif name in _IN_ENVIRON:
            fields[name] = fields["environ_fields"][_IN_ENVIRON[name]]
        else:
            raise AttributeError(name)
        return fields[name]

    def copy_for(self, client: Any, number: int) -> Self:
        """A request with the same head, the ``number``-th of its connection; gunicorn's constructor would parse."""
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        copy.peer_addr = copy.remote_addr = client
        copy.req_number = number
        return copy

    def should_close(self) -> bool:
        """Whether the connection ends with this request; what the head says about it was computed once."""
        return bool(self.must_close or self._closes)

    def _peer_is_trusted_proxy(self) -> bool:
        return not isinstance(self.peer_addr, tuple) or is_trusted(self.cfg, self.peer_addr[0])


class HeadReader(Unreader):  # type: ignore[misc]  # gunicorn has no types
    """The bytes of a whole head, as gunicorn's parser reads them."""

    def __init__(self, head: bytes) -> None:
        self.buf = BytesIO(head)

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Nothing follows."""
        return b""


class HeadParser:
    """Parses request heads; keeps at most ``MAX_HEADS`` of at most ``MAX_HEAD_BYTES`` each by their bytes."""

    MAX_HEADS, MAX_HEAD_BYTES = 512, 1024

    def __init__(self, cfg: ConfigSnapshot, script_name: str = "") -> None:
        self._cfg = cfg
        self._script = script_name
        self._cached: dict[bool, dict[bytes, ParsedRequest]] = {True: {}, False: {}}
        self._seen = [0] * 4 * self.MAX_HEADS
        self._schemes = {"HTTP_" + name.replace("-", "_"): value for name, value in cfg.secure_scheme_headers.items()}
        limits = cfg.limit_request_fields, cfg.limit_request_field_size
        self.max_head = (limits[0] if 0 < limits[0] <= 32768 else 32768) * ((limits[1] or 8190) + 2) + 8194
        self.max_line = cfg.limit_request_line if 0 < cfg.limit_request_line < 8190 else 8190
        size, line, count = cfg.limit_request_field_size, cfg.limit_request_line, cfg.limit_request_fields
        self._max_block = size if 0 < size < 8190 else 8190
        self._max_line = line if 0 < line < 4094 else 4094
        self._max_fields = count if 0 < count < 100 else 100
        self._scheme = "https" if cfg.is_ssl else "http"

    def parse(self, head: bytes, client: Any, number: int) -> ParsedRequest:
        """The request of a whole head, the ``number``-th of its connection; its body is not read.

        Raises:
            gunicorn.http.errors.ParseException: gunicorn refuses it, or a rule of ours.
        """
        trusted = not isinstance(client, tuple) or is_trusted(self._cfg, client[0])
        cached = self._cached[trusted].get(head)
        if cached is not None:
            return cached.copy_for(client, number)
        req = self.parse_plain(head, trusted, client, number) or self.parse_any(head, client, number)
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

    def parse_plain(self, head: bytes, trusted: bool, client: Any, number: int) -> ParsedRequest | None:
        """The request of a head that is valid beyond doubt; None leaves it to gunicorn."""
        match = PLAIN_HEAD.fullmatch(head)
        if match is None:
            return None
        method, target, minor, block = match.groups()
        if len(block) > self._max_block or match.end(3) > self._max_line or method == b"CONNECT":
            return None
        lines = block.decode("latin-1")
        environ = self._header_fields(lines)
        if environ is None or "HTTP_TRANSFER_ENCODING" in environ or "HTTP_EXPECT" in environ:
            return None
        host, length = environ.get("HTTP_HOST"), environ.get("HTTP_CONTENT_LENGTH")
        is_1_1 = minor == b"1"
        if not (_valid_host(host) if host is not None else not is_1_1):
            return None
        if length is not None and not (length.isdecimal() and len(length) < 16):
            return None
        scheme = self._scheme_of(environ) if trusted else self._scheme
        uri = target.decode("ascii")
        path, _, query = uri.partition("?")
        if scheme is None or not path.startswith(self._script):
            return None
        self._set_line(environ, method.decode("ascii"), uri, path, query)
        environ["SERVER_PROTOCOL"] = "HTTP/1.1" if is_1_1 else "HTTP/1.0"
        environ["wsgi.url_scheme"] = scheme
        options = environ.get("HTTP_CONNECTION")
        req = ParsedRequest.__new__(ParsedRequest)
        req.__dict__ = {
            "cfg": self._cfg,
            "peer_addr": client,
            "remote_addr": client,
            "req_number": number,
            "method": environ["REQUEST_METHOD"],
            "path": path,
            "version": (1, 1) if is_1_1 else (1, 0),
            "scheme": scheme,
            "lines": lines,
            "environ_fields": environ,
            "length": int(length or 0),
            "_closes": not is_1_1 if options is None else _closes(options, is_1_1),
        }
        return req

    def _set_line(self, environ: dict[str, Any], method: str, uri: str, path: str, query: str) -> None:
        """Put what the first line says into an environ, and the two headers that CGI calls by other names."""
        if (value := environ.pop("HTTP_CONTENT_TYPE", None)) is not None:
            environ["CONTENT_TYPE"] = value
        if (value := environ.pop("HTTP_CONTENT_LENGTH", None)) is not None:
            environ["CONTENT_LENGTH"] = value
        info = path[len(self._script) :]
        environ["REQUEST_METHOD"], environ["RAW_URI"], environ["QUERY_STRING"] = method, uri, query
        environ["PATH_INFO"] = info if "%" not in info else unquote_to_bytes(info).decode("latin-1")

    def _header_fields(self, lines: str) -> dict[str, Any] | None:
        """The environ's keys of header lines; None where gunicorn must judge."""
        environ: dict[str, Any] = {}
        listed = lines.split("\r\n")
        listed.pop()
        if len(listed) > self._max_fields:
            return None
        for line in listed:
            name, _, value = line.partition(":")
            environ[_keys.get(name) or _key(name)] = value.strip(" \t")
        return environ if len(environ) == len(listed) else self._joined_fields(listed)

    def _joined_fields(self, listed: list[str]) -> dict[str, Any] | None:
        """As ``_header_fields``, where a name comes twice: values are joined once, in time linear in their length."""
        found: dict[str, list[str]] = {}
        for line in listed:
            name, _, value = line.partition(":")
            found.setdefault(_keys.get(name) or _key(name), []).append(value.strip(" \t"))
        for key, values in found.items():
            if len(values) > 1 and (key in ONCE or key in self._schemes):
                return None
        return {key: ",".join(values) for key, values in found.items()}

    def _scheme_of(self, environ: dict[str, Any]) -> str | None:
        """The scheme that a trusted proxy names; None where two headers name different ones."""
        if self._schemes.keys().isdisjoint(environ):
            return self._scheme
        said = {environ[key] == secure for key, secure in self._schemes.items() if key in environ}
        return None if len(said) > 1 else "https" if said.pop() else "http"


@lru_cache(maxsize=256)
def _closes(options: str, is_1_1: bool) -> bool:
    """What gunicorn makes of the one Connection header, and ``close`` among other options."""
    lowered = options.lower()
    if "close" in lowered and "close" in connection_options([("CONNECTION", options)]):
        return True
    return lowered != "keep-alive" and not is_1_1


def _key(name: str) -> str:
    """A header's key in an environ. Names that are seen often are remembered; there is no telling which they are."""
    key = "HTTP_" + name.upper().replace("-", "_")
    if len(name) <= 64:
        if len(_keys) >= 1024:
            _keys.clear()
        _keys[name] = key
    return key
