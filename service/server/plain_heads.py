"""Request heads that are valid beyond doubt, parsed in one step.

One regular expression accepts the heads that ordinary clients send, and the WSGI environ is made from what it found.
It refuses nothing: every head that it does not match, and every header that means something beyond its value, is left
to gunicorn's own parser, which decides.
"""

import re
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes

from service.server.request import ParsedRequest
from service.server.rules import ConfigSnapshot, connection_options, is_valid_host

PLAIN_HEAD = re.compile(
    rb"([A-Z]{3,20}) (/[!\"$-~]*+) HTTP/1\.([01])\r\n"
    rb"((?:[!#$%&'*+\-.^`|~0-9A-Za-z]++:[\t\x20-\x7e\x80-\xff]*+\r\n)*+)\r\n"
)
"""A head without doubt: method, target, minor version, header lines. It reads each byte once (possessive quantifiers).

A target with a fragment, a name with an underscore, folded lines and control characters are left to gunicorn.
"""
ONCE = frozenset({"HTTP_HOST", "HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH", "HTTP_CONNECTION"})
LENGTH_DIGITS = 15
_valid_host = lru_cache(maxsize=256)(is_valid_host)
_keys: dict[str, str] = {}


class PlainHeads:
    """Parses plain heads under one server's settings; ``script_name`` is its SCRIPT_NAME."""

    def __init__(self, cfg: ConfigSnapshot, script_name: str) -> None:
        self._cfg, self._script = cfg, script_name
        self._schemes = {"HTTP_" + name.replace("-", "_"): value for name, value in cfg.secure_scheme_headers.items()}
        size, line, count = cfg.limit_request_field_size, cfg.limit_request_line, cfg.limit_request_fields
        self._max_block = size if 0 < size < 8190 else 8190
        self._max_line = line if 0 < line < 4094 else 4094
        self._max_fields = count if 0 < count < 100 else 100
        self._scheme = "https" if cfg.is_ssl else "http"

    def parse(self, head: bytes, trusted: bool, client: Any, number: int) -> ParsedRequest | None:
        """The request of a head that is valid beyond doubt; None leaves it to gunicorn.

        ``trusted`` tells that the peer may name the scheme of its client.
        """
        match = PLAIN_HEAD.fullmatch(head)
        if match is None:
            return None
        method, target, minor, block = match.groups()
        if len(block) > self._max_block or match.end(3) > self._max_line or method == b"CONNECT":
            return None
        is_1_1 = minor == b"1"
        lines = block.decode("latin-1")
        environ = self._header_fields(lines)
        if environ is None or not _is_plain(environ, is_1_1):
            return None
        scheme = self._scheme_of(environ) if trusted else self._scheme
        uri = target.decode("ascii")
        path, _, query = uri.partition("?")
        if scheme is None or not path.startswith(self._script):
            return None
        info = path[len(self._script) :]
        environ["PATH_INFO"] = info if "%" not in info else unquote_to_bytes(info).decode("latin-1")
        environ["REQUEST_METHOD"] = method.decode("ascii")
        environ["RAW_URI"], environ["QUERY_STRING"] = uri, query
        environ["SERVER_PROTOCOL"] = "HTTP/1.1" if is_1_1 else "HTTP/1.0"
        environ["wsgi.url_scheme"] = scheme
        return self._request(environ, path, lines, client, number)

    def _request(self, environ: dict[str, Any], path: str, lines: str, client: Any, number: int) -> ParsedRequest:
        """A request with this environ; gunicorn's constructor would parse."""
        options = environ.get("HTTP_CONNECTION")
        is_1_1 = environ["SERVER_PROTOCOL"] == "HTTP/1.1"
        req = ParsedRequest.__new__(ParsedRequest)
        req.__dict__ = {
            "cfg": self._cfg,
            "peer_addr": client,
            "remote_addr": client,
            "req_number": number,
            "method": environ["REQUEST_METHOD"],
            "path": path,
            "version": (1, 1) if is_1_1 else (1, 0),
            "scheme": environ["wsgi.url_scheme"],
            "lines": lines,
            "environ_fields": environ,
            "length": int(environ.get("CONTENT_LENGTH", 0)),
            "_closes": not is_1_1 if options is None else _closes(options, is_1_1),
        }
        return req

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


def _is_plain(environ: dict[str, Any], is_1_1: bool) -> bool:
    """Whether no header has to be judged by gunicorn. The two that CGI calls by other names are renamed."""
    host = environ.get("HTTP_HOST")
    if not (_valid_host(host) if host else host is None and not is_1_1):
        return False
    if "HTTP_TRANSFER_ENCODING" in environ or "HTTP_EXPECT" in environ:
        return False
    if (value := environ.pop("HTTP_CONTENT_TYPE", None)) is not None:
        environ["CONTENT_TYPE"] = value
    if (value := environ.pop("HTTP_CONTENT_LENGTH", None)) is not None:
        environ["CONTENT_LENGTH"] = value
        return value.isdecimal() and len(value) <= LENGTH_DIGITS
    return True


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
