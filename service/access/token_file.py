"""The tokens of a file that changes while the server runs.

A server does not start with a line that it cannot read. While it runs, a broken edit must not let a deleted token in:
the lines that can be read count, and no others. Where no line can be read at all, the clients stay as they were: those
of the last version that any process of this server has read, so that a worker that begins later lets nobody else in.
"""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from weakref import WeakSet

from service import log
from service.access.last_read import LastRead
from service.access.tokens import Tokens, parse, read, without_errors
from service.settings import SettingsError

LOOK_SECONDS = 1.0
"""The file is looked at this often at most: a look costs more than the check of a token."""

WATCH_SECONDS = 0.5
_files: "WeakSet[TokenFile]" = WeakSet()


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
        content = read(path)
        self._tokens = without_errors(content, path)
        self._last_read = LastRead(content)
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
        if not self._last_read.try_lock():  # another process reads it just now: at the next look
            return
        self._state = state  # noted before the file is read: a change during the read is seen at the next look
        try:
            self._read_again()
        finally:
            self._last_read.unlock()

    def _read_again(self) -> None:
        try:
            content = read(self._path)
            tokens, errors = parse(content, self._path)
            if errors and not len(tokens):
                raise SettingsError(errors[0])
        except SettingsError as exc:
            self._tokens, _ = parse(self._last_read.read(), self._path)
            log.warning("tokens_kept", reason=exc.message, clients=len(self._tokens))
            return
        self._last_read.write(content)
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
