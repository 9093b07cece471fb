"""What must never reach a log: passwords in addresses, tokens in headers and queries."""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

MASK = "***"
_OURS = frozenset({"time", "level", "event", "pid"})
SECRET_NAMES = frozenset({"authorization", "cookie", "token", "password", "secret", "api_key", "x_api_key"})
_SECRETS = re.compile(
    rb"""(?P<address>://[^\s/@"'\\]*:)[^\s/@"'\\]+(?=@)
    |(?P<scheme>\b[Bb]earer\s+)[A-Za-z0-9._~+/=\-]{8,}
    |(?P<name>(?i:\b(?:[a-z_]*token|password|secret|(?:x[-_])?api[-_]?key|authorization)
        \\?["']?\s*[=:]\s*\\?["']?(?:(?:bearer|basic)\s+)?))(?!\*)[^\s&,;"'\\}\])]{4,}""",
    re.VERBOSE,
)


def redact(line: bytes) -> bytes:
    """``line`` without whatever looks like a secret."""
    # Whatever _SECRETS finds has one of these beside it; the request's own lines have none, and skip the search.
    if b" " in line or b"=" in line or b"@" in line or b"\\" in line:
        return _SECRETS.sub(_mask, line)
    return line


def redact_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """``fields`` with the value of each that is named like a secret masked."""
    return {name: MASK if name.lower() in SECRET_NAMES else value for name, value in fields.items()}


def redact_known(fields: Mapping[str, Any], known: Iterable[bytes]) -> dict[str, Any]:
    """``fields`` with the secrets ``known`` masked in their texts; numbers stay, or a line would be no JSON any more.

    Time, level, event and process id are ours, and hold a secret by chance only.
    """
    texts = [secret.decode() for secret in known]

    def clean(name: str, value: Any) -> Any:
        if name in _OURS or value is None or isinstance(value, bool | int | float):
            return value
        text = value if isinstance(value, str) else str(value)
        for secret in texts:
            text = text.replace(secret, MASK)
        return text if isinstance(value, str) or text != str(value) else value

    return {name: clean(name, value) for name, value in fields.items()}


def passwords(*addresses: str) -> tuple[bytes, ...]:
    """The passwords of addresses such as ``postgresql://user:password@host/name``, as written and decoded."""
    found = {urlsplit(address).password or "" for address in addresses}
    spellings = {spelling.encode() for password in found for spelling in (password, unquote(password))}
    return tuple(sorted(spelling for spelling in spellings if len(spelling) >= 4))


def _mask(match: re.Match[bytes]) -> bytes:
    kept = match["address"] or match["scheme"] or match["name"]
    return kept + MASK.encode()
