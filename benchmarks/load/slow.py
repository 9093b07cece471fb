"""Clients that send a byte at a time and never finish: what a thread or a process is lost to, an event loop is not."""

import contextlib
import socket
import threading
from collections.abc import Iterator

HEAD = b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"


@contextlib.contextmanager
def slow_clients(port: int, count: int, pause: float = 0.1) -> Iterator[None]:
    """Keep ``count`` of them busy; they come back when they are turned away."""
    over = threading.Event()
    thread = threading.Thread(target=_dribble, args=(port, count, pause, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _dribble(port: int, count: int, pause: float, over: threading.Event) -> None:
    clients: list[socket.socket] = []
    while not over.wait(pause):
        while len(clients) < count:
            try:
                client = socket.create_connection(("127.0.0.1", port), timeout=1)
                client.sendall(HEAD)
            except OSError:
                break
            clients.append(client)
        for client in list(clients):
            try:
                client.send(b" ", socket.MSG_DONTWAIT)
            except OSError:
                clients.remove(client)
                client.close()
    for client in clients:
        client.close()
