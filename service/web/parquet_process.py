"""Parquet bodies are read in a process beside the worker, which starts with the first of them.

The same pyarrow reads Arrow streams in the worker: a stream is plain buffers, whose places were checked. A Parquet file
has metadata and encodings that only native code reads, and some damaged files crash it. Then the process is gone, the
client gets a 400, and the next file gets a new process.
"""

import os
import socket
import subprocess
import threading
from collections.abc import Mapping

import orjson

from schemas.bodies import load
from schemas.cells import Column
from schemas.errors import BodyTooLarge, MalformedBody
from schemas.reader import Reader
from service import log
from service.processes import run_module
from service.web.parquet_messages import HEAD, SOCKET

SECONDS = 30.0
"""The longest that a file may take."""


class ParquetProcess:
    """The process that reads files, one at a time, for the threads of one worker."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None

    def read_columns(self, body: bytes, reader: Reader, most_bytes: int) -> Mapping[str, Column]:
        """The columns of a file by name.

        Raises:
            MalformedBody, BodyTooLarge, InvalidInput, UnsupportedMediaType
        """
        load("parquet")  # or it is told that the library is missing
        from pyarrow import ipc

        from schemas.bodies.parquet_body import DAMAGED, Content, columns_of

        asked = {"known": reader.contract.names, "most_rows": reader.most_rows, "most_bytes": most_bytes}
        with self._lock:
            try:
                document, stream = self._ask(orjson.dumps(asked), body)
            except OSError as exc:
                log.warning("parquet_reader_ended", reason=f"{type(exc).__name__}: {exc}", status=self._stop())
                raise MalformedBody(DAMAGED) from None
        told = orjson.loads(document)
        if "detail" in told:
            raise (BodyTooLarge if told["is_large"] else MalformedBody)(told["detail"])
        table = ipc.open_stream(stream).read_all() if stream else None
        return columns_of(Content(told["names"], told["rows"], told["unreadable"], table), reader)

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._stop()

    def forget(self) -> None:
        """Forget the process in a forked child: it belongs to the parent."""
        self._lock, self._process = threading.Lock(), None
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def _ask(self, asked: bytes, body: bytes) -> tuple[bytes, bytes]:
        if self._process is not None and self._process.poll() is not None:  # it ended while nothing was asked of it
            self._stop()
        channel = self._channel or self._start()
        channel.sendall(HEAD.pack(len(asked), len(body)) + asked)
        channel.sendall(body)
        sizes = HEAD.unpack(_receive(channel, HEAD.size))
        return _receive(channel, sizes[0]), _receive(channel, sizes[1])

    def _start(self) -> socket.socket:
        own, other = socket.socketpair()
        with other:
            descriptor = other.fileno()
            environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
            environment |= {SOCKET: str(descriptor), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
            self._process = run_module("service.web.parquet_child", environment, (descriptor,), own_group=True)
        own.settimeout(SECONDS)
        self._channel = own
        return own

    def _stop(self) -> int | None:
        """End it, and tell its exit status."""
        process, channel = self._process, self._channel
        self._process = self._channel = None
        if channel is not None:
            channel.close()
        if process is None:
            return None
        process.kill()
        return process.wait()


def _receive(channel: socket.socket, size: int) -> bytes:
    received = bytearray(size)
    at = 0
    while at < size:
        count = channel.recv_into(memoryview(received)[at:])
        if not count:
            raise ConnectionResetError("it closed the socket")
        at += count
    return bytes(received)


PARQUET = ParquetProcess()
os.register_at_fork(after_in_child=PARQUET.forget)
