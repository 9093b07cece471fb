"""Request bodies that arrive in pieces, read by the loop: no thread waits for a client.

The chunked coding is decoded as its bytes come, in time linear in their number, as strictly as gunicorn's own reader
does it (RFC 9112, 7.1): a differential test holds the two together.
"""

from typing import Any

from gunicorn.http.body import CHUNK_EXT_RE
from gunicorn.http.errors import (
    ChunkMissingTerminator,
    InvalidChunkExtension,
    InvalidChunkSize,
    InvalidHeader,
    LimitRequestHeaders,
)

from service.server.rules import BEYOND

STEPS = 256
"""Chunks that are decoded at a time; a client that sends many tiny ones takes turns with the others."""
_HEX = frozenset(b"0123456789abcdefABCDEF")


class ChunkedBody:
    """Decodes one body of chunks; what it has decoded is ``data``, and no longer than ``most`` bytes and one.

    After the last chunk ``complete`` is true and what is left of ``received`` belongs to the next request. A body that
    grows longer is ``too_long``: what follows is not decoded.
    """

    def __init__(self, req: Any, most: int) -> None:
        self.data = bytearray()
        self.complete = self.too_long = False
        self._req, self._most = req, most
        self._left = 0
        self._searched = 0
        self._step = self._size

    def feed(self, received: bytearray) -> bool:
        """Decode what there is and remove it; whether there may be more to decode without further bytes.

        Raises:
            gunicorn.http.errors.ParseException: as gunicorn's reader raises it.
        """
        steps = 0
        while steps < STEPS and not self.complete and not self.too_long and self._step(received):
            steps += 1
        return steps == STEPS

    def _line(self, received: bytearray, most: int) -> bytes | None:
        """The next line without its end, removed; None while it is not whole. What was searched is not searched again.

        Raises:
            InvalidChunkSize: it is longer than ``most``.
        """
        end = received.find(b"\r\n", self._searched)
        if end > most or (end < 0 and len(received) > most):
            raise InvalidChunkSize(b"line over %d bytes" % most)
        if end < 0:
            self._searched = max(0, len(received) - 1)
            return None
        line = bytes(received[:end])
        del received[: end + 2]
        self._searched = 0
        return line

    def _size(self, received: bytearray) -> bool:
        line = self._line(received, self._req.limit_request_field_size)
        if line is None:
            return False
        size, *extensions = line.split(b";", 1)
        if extensions:
            if b"\r" in extensions[0]:
                raise InvalidChunkExtension("bare CR not allowed")
            size = size.rstrip(b" \t")
        if not size or not _HEX.issuperset(size):
            raise InvalidChunkSize(size)
        if extensions and not CHUNK_EXT_RE.fullmatch(b";" + extensions[0]):
            raise InvalidChunkExtension("invalid chunk extension")
        self._left = int(size, 16)
        if self._left >= BEYOND:
            raise InvalidChunkSize(size)
        self._step = self._data if self._left else self._trailers
        return True

    def _data(self, received: bytearray) -> bool:
        taken = min(self._left, len(received), self._most + 1 - len(self.data))
        self.data += memoryview(received)[:taken]
        del received[:taken]
        self._left -= taken
        if len(self.data) > self._most:
            self.too_long = True
            return False
        if self._left:
            return False
        self._step = self._end
        return True

    def _end(self, received: bytearray) -> bool:
        if len(received) < 2 and received != b"" and received != b"\r":
            raise ChunkMissingTerminator(bytes(received))
        if len(received) < 2:
            return False
        if received[:2] != b"\r\n":
            raise ChunkMissingTerminator(bytes(received[:2]))
        del received[:2]
        self._step = self._size
        return True

    def _trailers(self, received: bytearray) -> bool:
        if received[:2] == b"\r\n":
            del received[:2]
            self.complete = True
            return False
        end = received.find(b"\r\n\r\n", self._searched)
        if end < 0:
            if len(received) > self._req.max_buffer_headers:
                raise LimitRequestHeaders("limit request trailer section size")
            self._check_line_ends(received)
            self._searched = max(0, len(received) - 3)
            return False
        self._req.trailers = self._req.parse_headers(bytes(received[:end]), from_trailer=True)
        del received[: end + 4]
        self.complete = True
        return False

    def _check_line_ends(self, received: bytearray) -> None:
        new = received[max(0, self._searched - 1) :]
        if self._searched and new[:1] == b"\n":
            del new[0]  # its CR was seen before
        if new.count(b"\n") != new.count(b"\r\n"):
            raise InvalidHeader("bare LF as line terminator")
