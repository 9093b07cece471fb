"""A 200 answer of known bytes: its headers are encoded once a model, not once a request."""

from starlette.responses import Response


class Answer(Response):
    """``headers`` are raw pairs, Content-Type among them."""

    def __init__(self, content: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        self.status_code = 200
        self.background = None
        self.body = content
        self.raw_headers = [*headers, (b"content-length", str(len(content)).encode())]
