"""A request of the inline worker: what its head said, parsed once, and copied for the next client that sends it."""

from io import BytesIO
from typing import Any, Self

from gunicorn.http.body import LengthReader
from gunicorn.http.unreader import Unreader

from service.server.rules import StrictRequest, is_trusted

_IN_ENVIRON = {"uri": "RAW_URI", "query": "QUERY_STRING"}


class ParsedRequest(StrictRequest):
    """A request of the inline worker, which can be copied for the next client that sends the same head.

    ``environ_fields`` is what the head says in a WSGI environ, and shared by all copies. ``length`` is that of the body
    in bytes, None when it is chunked.
    """

    environ_fields: dict[str, Any]
    length: int | None
    must_close = False
    proxy_protocol_info = None
    trailers = ()
    body: Any = None
    fragment = ""
    _closes: bool
    _expected_100_continue = False

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.length = self.body.reader.length if type(self.body.reader) is LengthReader else None
        self._closes = bool(super().should_close())

    @property
    def expects_continue(self) -> bool:
        """Whether the client waits for a 100 before it sends the body."""
        return self._expected_100_continue

    def __getattr__(self, name: str) -> Any:
        """What only hooks and logs ask for of a plain head: made from its header lines and its environ when asked."""
        fields = self.__dict__
        if name == "headers":
            lines = [line.partition(":") for line in fields["lines"].split("\r\n")[:-1]]
            self.headers = [(key.upper(), value.strip(" \t")) for key, _, value in lines]
        elif name in _IN_ENVIRON:
            fields[name] = fields["environ_fields"][_IN_ENVIRON[name]]
        else:
            raise AttributeError(name)
        return fields[name]

    def copy_for(self, client: Any, number: int) -> Self:
        """A request with the same head, the ``number``-th of its connection; gunicorn's constructor would parse."""
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        copy.peer_addr = copy.remote_addr = client
        copy.req_number = number
        return copy

    def should_close(self) -> bool:
        """Whether the connection ends with this request; what the head says about it was computed once."""
        return bool(self.must_close or self._closes)

    def _peer_is_trusted_proxy(self) -> bool:
        return not isinstance(self.peer_addr, tuple) or is_trusted(self.cfg, self.peer_addr[0])


class HeadReader(Unreader):  # type: ignore[misc]  # gunicorn has no types
    """The bytes of a whole head, as gunicorn's parser reads them."""

    def __init__(self, head: bytes) -> None:
        self.buf = BytesIO(head)

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Nothing follows."""
        return b""
