"""API_TOKENS_FILE: who may call, known by the SHA-256 of a token, never by the token itself.

One client a line, ``name:sha256-of-the-token-in-hex[:scope,scope]``; blank lines and ``#`` comments are left out.
Without scopes a client may do everything. A name may stand on several lines, so that a token can be replaced
without a gap.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from inference.regular_file import read_regular
from service.settings import SettingsError

SCOPES = frozenset({"predict", "observe"})
"""predict: predictions and feedback. observe: the model's facts, drift, performance, metrics, the dashboard."""

MOST_BYTES = 64 * 2**20
"""The largest file that is read: half a million clients."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,63}")
_HASH = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class Client:
    """Who a token belongs to. ``digest`` is the SHA-256 of the token, 32 bytes."""

    name: str
    digest: bytes
    scopes: frozenset[str]


class Tokens:
    """The clients of one version of the file."""

    def __init__(self, clients: dict[bytes, Client]) -> None:
        self._clients = clients

    def __len__(self) -> int:
        return len(self._clients)

    def __iter__(self) -> Iterator[Client]:
        return iter(self._clients.values())

    def find(self, token: str) -> Client | None:
        """The client that the token belongs to; None for an unknown one.

        It costs one SHA-256 whether the token is known or not. Nobody can choose the hash of a guess, so the time of
        the look-up reveals nothing about known tokens; the comparison that decides always takes the same time.
        """
        digest = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        client = self._clients.get(digest)
        return client if client is not None and hmac.compare_digest(client.digest, digest) else None


def read_tokens(path: Path) -> Tokens:
    """Read the file.

    Raises:
        SettingsError: it cannot be read or a line is malformed; names file and line, and nothing of the line's text.
    """
    return without_errors(read(path), path)


def read(path: Path) -> bytes:
    """The content of the file.

    Raises:
        SettingsError: the file cannot be read.
    """
    try:
        content = read_regular(path, MOST_BYTES)
        content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
        raise SettingsError(f"API_TOKENS_FILE: {path} cannot be read: {reason}.") from None
    return content


def without_errors(content: bytes, path: Path) -> Tokens:
    """The clients of every line.

    Raises:
        SettingsError: a line is malformed.
    """
    tokens, errors = parse(content, path)
    if errors:
        raise SettingsError(errors[0])
    return tokens


def parse(content: bytes, path: Path) -> tuple[Tokens, list[str]]:
    """The clients of every line that can be read, and a sentence for each other line."""
    clients: dict[bytes, Client] = {}
    errors = []
    for number, line in enumerate(content.decode("utf-8").splitlines(), start=1):
        if not (text := line.strip()) or text.startswith("#"):
            continue
        try:
            client = _client(text)
            if client.digest in clients:
                raise ValueError("the same token stands on an earlier line")
        except ValueError as exc:
            errors.append(
                f"API_TOKENS_FILE: line {number} of {path} cannot be used: {exc}. A line is "
                "name:sha256-in-hex[:scope,scope]; flask tokens create NAME writes one."
            )
            continue
        clients[client.digest] = client
    return Tokens(clients), errors


def new_token() -> str:
    """A token nobody can guess: 256 bits in 43 characters that need no quoting anywhere."""
    return secrets.token_urlsafe(32)


def line_of(name: str, token: str, scopes: frozenset[str] = SCOPES) -> str:
    """The line of the file that lets ``token`` in."""
    digest = hashlib.sha256(token.encode()).hexdigest()
    return f"{name}:{digest}" if scopes == SCOPES else f"{name}:{digest}:{','.join(sorted(scopes))}"


def _client(text: str) -> Client:
    name, _, rest = text.partition(":")
    digest, colon, listed = rest.partition(":")
    if not NAME.fullmatch(name):
        raise ValueError("the name must be 1 to 64 letters, digits, dots, dashes or underscores")
    if not _HASH.fullmatch(digest):
        raise ValueError("the token's SHA-256 must be 64 hexadecimal digits")
    scopes = frozenset(scope.strip() for scope in listed.split(",")) if colon else SCOPES
    if not scopes <= SCOPES:
        raise ValueError(f"scopes are {', '.join(sorted(SCOPES))}; without the second colon the client has them all")
    return Client(name, bytes.fromhex(digest), scopes)
