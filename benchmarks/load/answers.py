"""An answer as it comes off the wire: whole or not yet, with a length or in chunks."""


def parse_answer(buffer: bytearray) -> tuple[int, bytes, bool] | None:
    """Status, body and whether the connection closes, once the answer is whole."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(buffer[:end]).lower()
    start = end + 4
    length = head.find(b"content-length:")
    close = b"connection: close" in head
    if length >= 0:
        size = int(head[length + 15 :].split(b"\r\n", 1)[0])
        return (int(head[9:12]), bytes(buffer[start : start + size]), close) if len(buffer) - start >= size else None
    if b"transfer-encoding: chunked" in head and buffer.endswith(b"0\r\n\r\n"):
        return int(head[9:12]), _unchunked(bytes(buffer[start:])), close
    return None


def _unchunked(body: bytes) -> bytes:
    parts = []
    while body:
        size, _, body = body.partition(b"\r\n")
        count = int(size.split(b";")[0], 16)
        if not count:
            break
        parts.append(body[:count])
        body = body[count + 2 :]
    return b"".join(parts)
