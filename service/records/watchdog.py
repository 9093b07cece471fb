"""A database that takes connections and answers nothing, as one whose host is frozen: cut off instead of waited for.

No setting of libpq or of the server sees it: the other end's kernel acknowledges all that is sent.
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def cut_after(seconds: float, descriptor: int) -> Iterator[None]:
    """Shut the socket ``descriptor`` down after so long; whoever waits for it is told that the connection is lost."""
    own = socket.socket(fileno=os.dup(descriptor))  # a number of ours, which is nobody else's when the time is over
    timer = threading.Timer(seconds, shut_down, (own,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        own.close()


def shut_down(connection: socket.socket) -> None:
    """End a connection, from whichever thread."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
