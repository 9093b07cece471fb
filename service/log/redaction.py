"""Redaction: no password of an address and no token of a header or query reaches a log.

A line holds text of strangers, so the pattern takes linear time for any text: its repeats give nothing back, and each
stops at a character with which another match would have to begin. tests/test_linear.py proves it.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

MASK = "***"
_NEVER_SECRET = frozenset({"time", "level", "event", "pid"})
SECRET_NAMES = frozenset({"authorization", "cookie", "token", "password", "secret", "api_key", "x_api_key"})
_SECRETS = re.compile(
    rb"""(?P<address>://[^\s/:@"'\\]*+:)[^\s/@"'\\]++(?=@)
    |(?P<scheme>\b[Bb]earer\s++)[A-Za-z0-9._~+/=\-]{8,}+
    |(?P<name>(?i:(?:token|password|secret|api[-_]?key|authorization)
        \\?["']?\s*+[=:]\s*+\\?["']?(?:(?:bearer|basic)\s++)?+))(?!\*)[^\s&,;"'\\}\])]{4,}+""",
    re.VERBOSE,
)


def redact(lines: bytes) -> bytes:
    """``lines`` with whatever looks like a secret replaced by ``***``."""
    return _SECRETS.sub(_mask, lines)


def redact_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """``fields``, with ``***`` as the value of each that is named like a secret."""
    return {name: MASK if name.lower() in SECRET_NAMES else value for name, value in fields.items()}


def redact_known(fields: Mapping[str, Any], known: Iterable[bytes]) -> dict[str, Any]:
    """``fields`` with the secrets ``known`` replaced in their texts by ``***``.

    Numbers stay as they are, or the line would no longer be JSON. Time, level, event and process id stay too: they
    are the service's own and can equal a secret by chance only.
    """
    texts = [secret.decode() for secret in known]

    def redacted(name: str, value: Any) -> Any:
        if name in _NEVER_SECRET or value is None or isinstance(value, bool | int | float):
            return value
        text = value if isinstance(value, str) else str(value)
        for secret in texts:
            text = text.replace(secret, MASK)
        return text if isinstance(value, str) or text != str(value) else value

    return {name: redacted(name, value) for name, value in fields.items()}


def passwords(*addresses: str) -> tuple[bytes, ...]:
    """The passwords of addresses such as ``postgresql://user:password@host/name``, as written and decoded."""
    found = {urlsplit(address).password or "" for address in addresses}
    spellings = {spelling.encode() for password in found for spelling in (password, unquote(password))}
    return tuple(sorted(spelling for spelling in spellings if len(spelling) >= 4))


def _mask(match: re.Match[bytes]) -> bytes:
    before = match["address"] or match["scheme"] or match["name"]
    return before + MASK.encode()
