"""Standard output: whole lines, several in one write where that is possible, and no waiting for a reader that hangs."""

import os
import select
import socket
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import get_ident

ATOMIC_BYTES = select.PIPE_BUF
"""A write to a pipe of up to so many bytes is all or nothing, so that lines of several workers never mix."""
PATIENCE_SECONDS = 0.1


class Output:
    """Writes lines to a file descriptor in one call each. Never raises and waits at most ``PATIENCE_SECONDS``.

    Once its reader took nothing for that long, lines are dropped at once until it reads again: a log collector that
    hangs may cost lines, but never requests. ``lost`` is the number of lines dropped.
    """

    def __init__(self, descriptor: int = 1) -> None:
        self.lost = 0
        self.descriptor = descriptor
        self._reopened: int | None = None
        self._stalled = False
        self._partial_write = False
        self._send: Callable[[bytes], int] = self._send_if_ready

    def open(self) -> None:
        """Find out what the descriptor is now: call it once in a process, and again after a redirection."""
        self.close()
        try:
            mode = os.fstat(self.descriptor).st_mode
            if stat.S_ISSOCK(mode):
                peer = socket.socket(fileno=os.dup(self.descriptor))
                self._send = lambda line: peer.send(line, socket.MSG_DONTWAIT)
            elif stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
                # O_NONBLOCK set on the descriptor would hold for every process that shares it; opened again, only here.
                flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
                reopened = self._reopened = os.open(f"/proc/self/fd/{self.descriptor}", flags)
                self._send = lambda line: os.write(reopened, line)
            else:
                self._send = lambda line: os.write(self.descriptor, line)
        except OSError:
            self._send = self._send_if_ready

    def close(self) -> None:
        """Close what ``open`` opened; the descriptor itself stays open."""
        if self._reopened is not None:
            os.close(self._reopened)
        self._reopened = None
        self._send = self._send_if_ready

    def write(self, lines: bytes) -> bool:
        """Write one or more whole lines; False where any of them was lost."""
        if self._partial_write:
            lines = b"\n" + lines
        try:
            written = self._send(lines)
        except BlockingIOError:
            written = 0
        except OSError:
            self.lost += lines.count(b"\n")
            return False
        if written != len(lines):
            written = self._finish(lines, written)
        if written == len(lines):
            self._stalled = self._partial_write = False
            return True
        self._partial_write = self._partial_write or written > 0
        self.lost += lines.count(b"\n", written)
        return False

    def _finish(self, lines: bytes, written: int) -> int:
        """Send the rest of what did not fit at once; returns how many bytes are written in the end."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while written < len(lines) and not self._stalled:
            self._stalled = not self._ready(deadline - time.monotonic())
            if not self._stalled:
                try:
                    written += self._send(lines[written:])
                except BlockingIOError:
                    self._stalled = time.monotonic() > deadline
                except OSError:
                    break
        return written

    def _ready(self, seconds: float) -> bool:
        poll = select.poll()
        poll.register(self.descriptor, select.POLLOUT)
        return bool(poll.poll(max(0.0, seconds * 1000)))

    def _send_if_ready(self, lines: bytes) -> int:
        return os.write(self.descriptor, lines) if self._ready(0) else 0


class Batch:
    """Collects the lines of one thread and writes them together: a line is cheap, a write is not.

    ``with batch():`` begins a batch of the thread that calls; its end writes what is left. Lines that would make more
    than ``ATOMIC_BYTES`` are written before it.
    """

    def __init__(self, emit: Callable[[bytes], None]) -> None:
        self._emit = emit
        self._thread = 0
        self._lines = b""

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """A batch of this thread."""
        self._thread = get_ident()
        try:
            yield
        finally:
            self._thread = 0
            self.flush()

    def add(self, lines: bytes) -> bool:
        """Add whole lines, at most ``ATOMIC_BYTES``; False where this thread has begun no batch."""
        if self._thread != get_ident():
            return False
        if len(self._lines) + len(lines) > ATOMIC_BYTES:
            self.flush()
        self._lines += lines
        return True

    def flush_own(self) -> None:
        """Write the batch if it is this thread's, so that the thread's next line comes after it."""
        if self._thread == get_ident():
            self.flush()

    def flush(self) -> None:
        """Write the batch, whichever thread began it."""
        lines, self._lines = self._lines, b""
        if lines:
            self._emit(lines)
