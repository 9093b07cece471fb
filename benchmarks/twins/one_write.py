"""uvicorn's protocol, except that the head and the body of an answer leave in one system call.

uvicorn writes them one after the other, and uvloop sends each at once: two calls, and a client that wakes up twice. Our
gunicorn worker sends once, and so does this variant of the twin. uvicorn takes it by its documented option ``http``.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD, INTERIM = b"HTTP/1.1 ", b"HTTP/1.1 100"


class JoinedTransport:
    """Holds the head of an answer back until its body is written, or ``flush`` says that there is none."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._held: bytes | None = None

    def write(self, data: bytes) -> None:
        """As a transport's."""
        held = self._held
        if held is not None:
            self._held = None
            self._transport.writelines((held, data))
        elif data.startswith(HEAD) and not data.startswith(INTERIM):
            self._held = data
        else:
            self._transport.write(data)

    def flush(self) -> None:
        """Write what is held back."""
        held, self._held = self._held, None
        if held is not None:
            self._transport.write(held)

    def close(self) -> None:
        """As a transport's: what was written goes out before."""
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class OneWriteProtocol(HttpToolsProtocol):
    """For ``uvicorn.run(..., http="benchmarks.twins.one_write:OneWriteProtocol")``."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own narrowing
        """Every write of this connection passes through a JoinedTransport."""
        joined: Any = JoinedTransport(transport)
        self._flush = joined.flush
        super().connection_made(joined)

    def on_response_complete(self) -> None:
        """An answer to HEAD, or without a body, has nothing that its head could leave with."""
        self._flush()
        super().on_response_complete()
