"""gunicorn's response, which collects what it would send: head and body leave together."""

import time
from typing import Any

from gunicorn import util
from gunicorn.http import wsgi

_FINE: set[str] = set()


class BufferedResponse(wsgi.Response):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's response, which collects what it would send."""

    _date = 0, ""

    def __init__(self, req: Any, sock: Any, cfg: Any) -> None:
        super().__init__(req, sock, cfg)
        self.out: list[bytes] = []
        self.headers_sent: bool = False

    def take(self) -> bytes:
        """Everything collected since the last time."""
        found = b"".join(self.out)
        self.out.clear()
        return found

    def process_headers(self, headers: Any) -> None:
        """Take the application's headers; a name that gunicorn found to be fine is not looked into again."""
        for name, value in headers:
            if name not in _FINE or type(value) is not str or not wsgi.HEADER_VALUE_RE.fullmatch(value):
                super().process_headers(((name, value),))
                if name.lower() != "content-length" and not util.is_hoppish(name) and len(_FINE) < 256:
                    _FINE.add(name)
            else:
                self.headers.append((name, value.strip(" \t")))

    def send_headers(self) -> None:
        """Collect the head, once."""
        if self.headers_sent:
            return
        now = int(time.time())
        if now != BufferedResponse._date[0]:
            BufferedResponse._date = now, util.http_date(now)
        major, minor = self.req.version
        connection = "upgrade" if self.upgrade else "close" if self.should_close() else "keep-alive"
        fields = "".join([f"{name}: {value}\r\n" for name, value in self.headers])
        coding = "Transfer-Encoding: chunked\r\n" if self.chunked else ""
        self.out.append(
            f"HTTP/{major}.{minor} {self.status}\r\nServer: {self.version}\r\nDate: {self._date[1]}\r\n"
            f"Connection: {connection}\r\n{coding}{fields}\r\n".encode("latin-1")
        )
        self.headers_sent = True

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
