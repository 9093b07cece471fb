"""Standard output, a whole line at a time, whatever hangs on its other end."""

import os
import select
import socket
import stat
import time
from collections.abc import Callable

ATOMIC_BYTES = select.PIPE_BUF
"""Up to here a write to a pipe is all or nothing, so that lines of several workers never run into each other."""
PATIENCE_SECONDS = 0.1


class Output:
    """Writes lines to a descriptor in one call each; never raises, and waits at most ``PATIENCE_SECONDS``.

    Once the reader stood still that long, lines are dropped without waiting until it reads again: a stuck log
    collector may cost lines, never requests. ``lost`` counts them.
    """

    def __init__(self, descriptor: int = 1) -> None:
        self.lost = 0
        self._descriptor = descriptor
        self._own: int | None = None
        self._stalled = False
        self._partial_write = False
        self._send: Callable[[bytes], int] = self._send_if_ready

    def open(self) -> None:
        """Look at what the descriptor is now; once a process, and again after it was redirected."""
        self.close()
        try:
            mode = os.fstat(self._descriptor).st_mode
            if stat.S_ISSOCK(mode):
                peer = socket.socket(fileno=os.dup(self._descriptor))
                self._send = lambda line: peer.send(line, socket.MSG_DONTWAIT)
            elif stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
                # Opened anew, O_NONBLOCK is ours alone; set on the descriptor itself it would be everybody's.
                flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
                own = self._own = os.open(f"/proc/self/fd/{self._descriptor}", flags)
                self._send = lambda line: os.write(own, line)
            else:
                self._send = lambda line: os.write(self._descriptor, line)
        except OSError:
            self._send = self._send_if_ready

    def close(self) -> None:
        """Let go of what ``open`` opened; the descriptor itself stays."""
        if self._own is not None:
            os.close(self._own)
        self._own = None
        self._send = self._send_if_ready

    def write(self, line: bytes) -> bool:
        """Write ``line``, or several, the last of which ends in a newline; False where any was lost."""
        if self._partial_write:
            line = b"\n" + line
        try:
            written = self._send(line)
        except BlockingIOError:
            written = 0
        except OSError:
            self.lost += line.count(b"\n")
            return False
        if written != len(line):
            written = self._finish(line, written)
        if written == len(line):
            self._stalled = self._partial_write = False
            return True
        self._partial_write = self._partial_write or written > 0
        self.lost += line.count(b"\n", written)
        return False

    def _finish(self, line: bytes, written: int) -> int:
        """Send the rest of a line that did not fit at once; how much of it is out in the end."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while written < len(line) and not self._stalled:
            self._stalled = not self._ready(deadline - time.monotonic())
            if not self._stalled:
                try:
                    written += self._send(line[written:])
                except BlockingIOError:
                    self._stalled = time.monotonic() > deadline
                except OSError:
                    break
        return written

    def _ready(self, seconds: float) -> bool:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        return bool(poll.poll(max(0.0, seconds * 1000)))

    def _send_if_ready(self, line: bytes) -> int:
        return os.write(self._descriptor, line) if self._ready(0) else 0
