"""The keep-alive connections of the open loop: idle ones, and busy ones that wait for an answer."""

import select
import socket
from dataclasses import dataclass, field


@dataclass(slots=True)
class Connection:
    """``place`` is the request that it carries, ``buffer`` what came back so far."""

    socket: socket.socket
    place: int = -1
    buffer: bytearray = field(default_factory=bytearray)


class Connections:
    """``count`` connections to a port of this host; one that closes is replaced by a fresh one."""

    def __init__(self, port: int, count: int) -> None:
        self._port = port
        self._poll = select.epoll()
        self.busy: dict[int, Connection] = {}
        self.idle = [self._connect() for _ in range(count)]

    def ready(self, seconds: float) -> list[Connection]:
        """Busy ones that have something to read, or a close; idle ones that the server closed are replaced."""
        found = [self.busy.get(number) for number, _ in self._poll.poll(seconds)]
        if None in found:
            self._sweep()
        return [connection for connection in found if connection is not None]

    def send(self, place: int, raw: memoryview) -> bool:
        """Send request ``place`` on an idle one; False where two connections in a row refused it."""
        connection = self.idle.pop()
        for _ in range(2):  # the server may have closed it while it was idle: once more on a fresh one
            connection.place = place
            connection.buffer.clear()
            self.busy[connection.socket.fileno()] = connection
            try:
                sent = connection.socket.send(raw)
            except OSError:
                connection = self._renewed(connection)
                continue
            if sent < len(raw):
                connection.socket.setblocking(True)
                connection.socket.sendall(raw[sent:])
                connection.socket.setblocking(False)
            return True
        self.idle.append(connection)
        return False

    def release(self, connection: Connection, close: bool) -> None:
        """It is idle again, or, where it closes, a fresh one is."""
        self.busy.pop(connection.socket.fileno(), None)
        self.idle.append(self._renewed(connection) if close else connection)

    def _connect(self) -> Connection:
        opened = socket.create_connection(("127.0.0.1", self._port), timeout=10)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.setblocking(False)
        self._poll.register(opened, select.EPOLLIN)
        return Connection(opened)

    def _renewed(self, connection: Connection) -> Connection:
        self.busy.pop(connection.socket.fileno(), None)
        connection.socket.close()
        return self._connect()

    def _sweep(self) -> None:
        for number, connection in enumerate(self.idle):
            try:
                if not connection.socket.recv(1, socket.MSG_PEEK):
                    self.idle[number] = self._renewed(connection)
            except BlockingIOError:
                continue
            except OSError:
                self.idle[number] = self._renewed(connection)
