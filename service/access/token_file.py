"""The tokens as the file has them now: read again when it changes, kept when it breaks."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from service import log
from service.access.tokens import Tokens, read_tokens
from service.settings import SettingsError

LOOK_SECONDS = 1.0
"""How long a change may go unseen; a look at the file costs more than the check of a token."""


class TokenFile:
    """Watches one file, without a thread: whoever asks for the tokens looks, once a second at most."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Read the file.

        Raises:
            SettingsError: it cannot be used; the server must not start with it.
        """
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._state = _state(path)
        self._tokens = read_tokens(path)
        self._look_at = clock() + LOOK_SECONDS

    @property
    def now(self) -> Tokens:
        """The clients who may call."""
        # Whoever finds the lock taken goes on with what is known: nobody waits for a file.
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
        self._state = state  # taken before the file is read: a change while it is read is seen at the next look
        try:
            self._tokens = read_tokens(self._path)
        except SettingsError as exc:
            log.warning("tokens_kept", reason=exc.message, clients=len(self._tokens))
        else:
            log.info("tokens_read", clients=len(self._tokens))


def _state(path: Path) -> tuple[int, int, int] | None:
    """Changes whenever the file does; None while it is gone."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
