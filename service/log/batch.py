"""What one round of a poller says is written together: a request's lines are cheap, each write of them is not."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import get_ident

from service.log.stdout import ATOMIC_BYTES


class Round:
    """Keeps the lines of the thread that is in a round, until it ends or they fill what a pipe takes in one piece."""

    def __init__(self, emit: Callable[[bytes], None]) -> None:
        self._emit = emit
        self._thread = 0
        self._lines = b""

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """A round of this thread."""
        self._thread = get_ident()
        try:
            yield
        finally:
            self._thread = 0
            self.flush()

    def keep(self, lines: bytes) -> bool:
        """Take whole lines, at most ``ATOMIC_BYTES``; False where this thread is in no round."""
        if self._thread != get_ident():
            return False
        if len(self._lines) + len(lines) > ATOMIC_BYTES:
            self.flush()
        self._lines += lines
        return True

    def flush_own(self) -> None:
        """Write what is kept of this thread, so that what it says next comes after it."""
        if self._thread == get_ident():
            self.flush()

    def flush(self) -> None:
        """Write what is kept."""
        lines, self._lines = self._lines, b""
        if lines:
            self._emit(lines)
