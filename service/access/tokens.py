"""API_TOKENS_FILE: who may call, known by the SHA-256 of a token, never by the token itself.

One client a line, ``name:sha256-of-the-token-in-hex[:scope,scope]``; blank lines and ``#`` comments are left out.
Without scopes a client may do everything. A name may stand on several lines, so that a token can be replaced
without a gap.

A server does not start with a line that it cannot read. While it runs, a broken edit must not let a deleted token in:
the lines that can be read count, and no others. Where no line can be read at all, the clients stay as they were.
"""

import hashlib
import hmac
import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakSet

from inference.regular_file import read_regular
from service import log
from service.settings import SettingsError

SCOPES = frozenset({"predict", "observe"})
"""predict: predictions and feedback. observe: the model's facts, drift, performance, metrics, the dashboard."""

LOOK_SECONDS = 1.0
"""The file is looked at this often at most: a look costs more than the check of a token."""

WATCH_SECONDS = 0.5
MOST_BYTES = 64 * 2**20
"""The largest file that is read: half a million clients."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,63}")
_HASH = re.compile(r"[0-9a-fA-F]{64}")
_files: "WeakSet[TokenFile]" = WeakSet()


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
    tokens, errors = _read(path)
    if errors:
        raise SettingsError(errors[0])
    return tokens


def _read(path: Path) -> tuple[Tokens, list[str]]:
    """The clients of every line that can be read, and a sentence for each other line.

    Raises:
        SettingsError: the file cannot be read.
    """
    try:
        lines = read_regular(path, MOST_BYTES).decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
        raise SettingsError(f"API_TOKENS_FILE: {path} cannot be read: {reason}.") from None
    clients: dict[bytes, Client] = {}
    errors = []
    for number, line in enumerate(lines, start=1):
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


class TokenFile:
    """The tokens of a file that may change. ``now`` looks at it, once a second at most.

    A process that may be without requests for long has a thread for it (``watch``): two changes between two requests
    would be seen as one.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Read the file; ``clock`` returns seconds.

        Raises:
            SettingsError: it cannot be used; the server must not start with it.
        """
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._state = _state(path)
        self._tokens = read_tokens(path)
        self._look_at = clock() + LOOK_SECONDS
        _files.add(self)

    def watch(self) -> None:
        """Start the thread, after the fork."""
        threading.Thread(target=self._watch, name="tokens", daemon=True).start()

    def look(self) -> None:
        """Read the file now, if it has changed."""
        with self._lock:
            self._look()

    def forget(self) -> None:
        """In a forked child: a thread of the parent may hold the lock, and does not run here."""
        self._lock = threading.Lock()

    @property
    def now(self) -> Tokens:
        """The clients who may call; those of the last good version while the file is broken or gone."""
        # A thread that finds the lock taken goes on with the tokens it has: no request waits for a file.
        if self._clock() >= self._look_at and self._lock.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._lock.release()
        return self._tokens

    def _look(self) -> None:
        self._look_at = self._clock() + LOOK_SECONDS
        state = _state(self._path)
        if state == self._state:
            return
        self._state = state  # noted before the file is read: a change during the read is seen at the next look
        try:
            tokens, errors = _read(self._path)
            if errors and not len(tokens):
                raise SettingsError(errors[0])
        except SettingsError as exc:
            log.warning("tokens_kept", reason=exc.message, clients=len(self._tokens))
            return
        self._tokens = tokens
        if errors:
            log.error("tokens_lines_refused", lines=len(errors), reason=errors[0], clients=len(tokens))
        else:
            log.info("tokens_read", clients=len(tokens))

    def _watch(self) -> None:
        while True:
            time.sleep(WATCH_SECONDS)
            try:
                self.look()
            except Exception:  # the thread must outlive whatever it meets
                log.error("tokens_watch_failed", exc_info=True)


def watch_all() -> None:
    """Watch every file of this process, in a worker after the fork."""
    for file in tuple(_files):
        file.watch()


def look_all() -> None:
    """Read every file that has changed, in the master before a fork: the worker begins with what it knows."""
    for file in tuple(_files):
        file.look()


def new_token() -> str:
    """A token nobody can guess: 256 bits in 43 characters that need no quoting anywhere."""
    return secrets.token_urlsafe(32)


def line_of(name: str, token: str, scopes: frozenset[str] = SCOPES) -> str:
    """The line of the file that lets ``token`` in."""
    digest = hashlib.sha256(token.encode()).hexdigest()
    return f"{name}:{digest}" if scopes == SCOPES else f"{name}:{digest}:{','.join(sorted(scopes))}"


def _forget_all() -> None:
    for file in tuple(_files):
        file.forget()


os.register_at_fork(after_in_child=_forget_all)


def _state(path: Path) -> tuple[int, int, int, int] | None:
    """It changes whenever the file does; None while the file is gone."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


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
