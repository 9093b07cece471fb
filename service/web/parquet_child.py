"""Reads Parquet files in a process of its own: ``python -m service.web.parquet_child``, started by ``parquet_process``.

A damaged file can crash pyarrow's native code: here that costs no worker. The process has a limit of memory, and ends
when the worker closes its end of the socket.
"""

import os
import resource
import socket

import orjson
import pyarrow as pa

from schemas.bodies.parquet_body import read_content
from schemas.errors import BodyTooLarge, ServiceError
from service.web.parquet_messages import HEAD, SOCKET

SPARE_BYTES = 2**30
"""Address space beyond what the process has when it starts, and eight times what a body unpacks to."""


def main() -> None:
    """Answer one file after the other."""
    pa.set_memory_pool(pa.system_memory_pool())  # gives memory back
    limit = _address_space() + SPARE_BYTES
    with socket.socket(fileno=int(os.environ[SOCKET])) as channel:
        while head := _receive(channel, HEAD.size):
            sizes = HEAD.unpack(head)
            asked, body = orjson.loads(_receive(channel, sizes[0])), _receive(channel, sizes[1])
            resource.setrlimit(resource.RLIMIT_AS, (limit + 8 * asked["most_bytes"], resource.RLIM_INFINITY))
            told, stream = _answer(asked, body)
            document = orjson.dumps(told)
            channel.sendall(HEAD.pack(len(document), len(stream)) + document)
            channel.sendall(stream)


def _answer(asked: dict[str, object], body: bytes) -> tuple[dict[str, object], bytes]:
    try:
        found = read_content(body, **asked)  # type: ignore[arg-type]  # the parent names its parameters
    except ServiceError as exc:
        return {"detail": exc.detail, "is_large": isinstance(exc, BodyTooLarge)}, b""
    told: dict[str, object] = {"names": found.names, "rows": found.rows, "unreadable": found.unreadable}
    if found.table is None:
        return told, b""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, found.table.schema) as writer:
        writer.write_table(found.table)
    return told, sink.getvalue().to_pybytes()


def _receive(channel: socket.socket, size: int) -> bytes:
    """So many bytes, or fewer where the other end was closed."""
    received = bytearray(size)
    at = 0
    while at < size and (count := channel.recv_into(memoryview(received)[at:])):
        at += count
    return bytes(received[:at])


def _address_space() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - a pseudo file
        return int(file.read().split()[0]) * resource.getpagesize()


if __name__ == "__main__":
    main()
