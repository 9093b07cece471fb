"""gunicorn's response, which collects what it would send: head and body leave together."""

import time
from typing import Any

from gunicorn import util
from gunicorn.http import wsgi

LENGTH = "Content-Length"
SPECIAL = util.hop_headers | {"content-length"}
_FINE: set[str] = set()
_STATUSES: dict[str, int | None] = {}
_now = 0, ""


def _constant() -> str:
    """The fields that are the same in every answer of a second."""
    global _now
    second = int(time.time())
    if second != _now[0]:
        _now = second, f"Server: {wsgi.SERVER}\r\nDate: {util.http_date(second)}\r\n"
    return _now[1]


class BufferedResponse(wsgi.Response):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's response, which collects what it would send."""

    def __init__(self, req: Any, sock: Any, cfg: Any) -> None:
        super().__init__(req, sock, cfg)
        self.status: str | None
        self.status_code: int | None
        self.out: list[bytes] = []
        self.headers_sent: bool = False

    def take(self) -> bytes:
        """Everything collected since the last time."""
        found = b"".join(self.out)
        self.out.clear()
        return found

    def start_response(self, status: str, headers: Any, exc_info: Any = None) -> Any:
        """As WSGI has it; a status that gunicorn found to be fine, of answers with a body, is not parsed again."""
        code = _STATUSES.get(status) if type(status) is str else None
        if code is None or exc_info or self.status is not None or self.req.method == "HEAD":
            write = super().start_response(status, headers, exc_info)
            if not self._omits_body and len(_STATUSES) < 256:
                _STATUSES[status] = self.status_code
            return write
        self.status, self.status_code = status, code
        self.process_headers(headers)
        self.chunked: bool = self.is_chunked()
        return self.write

    def process_headers(self, headers: Any) -> None:
        """Take the application's headers; names that gunicorn found to be fine are not looked into again."""
        names, values = zip(*headers, strict=True) if headers else ((), ())
        together = "".join(values)
        if not (_FINE.issuperset(names) and together.isascii() and together.isprintable()):
            super().process_headers(headers)
            if len(_FINE) < 256:
                _FINE.update(name for name in names if name == LENGTH or name.lower() not in SPECIAL)
            return
        self.headers += zip(names, map(str.strip, values), strict=True)
        if LENGTH in names:
            self.response_length: int | None = int(dict(headers)[LENGTH])

    def send_headers(self) -> None:
        """Collect the head, once."""
        if self.headers_sent:
            return
        connection = "upgrade" if self.upgrade else "close" if self.should_close() else "keep-alive"
        coding = "Transfer-Encoding: chunked\r\n" if self.chunked else ""
        fields = "\r\n".join(map(": ".join, [*self.headers, ("Connection", connection)]))
        major, minor = self.req.version
        head = f"HTTP/{major}.{minor} {self.status}\r\n{_constant()}{coding}{fields}\r\n\r\n"
        self.out.append(head.encode("latin-1"))
        self.headers_sent = True

    def whole(self, items: list[bytes]) -> None:
        """Collect an answer that is all there; most are one piece as long as they say."""
        length = self.response_length
        if len(items) == 1 and type(items[0]) is bytes and len(items[0]) == length and not self._omits_body:
            self.send_headers()
            self.sent = length
            self.out.append(items[0])
            return
        for item in items:
            self.write(item)
        self.close()

    def _emit_body(self, data: bytes) -> None:
        self.out.append(b"%X\r\n%b\r\n" % (len(data), data) if self.chunked else data)

    def can_sendfile(self) -> bool:
        """A file is read and collected like everything else."""
        return False

    def close(self) -> None:
        """Collect the end."""
        self.send_headers()
        if self.chunked:
            self.out.append(b"0\r\n\r\n")
