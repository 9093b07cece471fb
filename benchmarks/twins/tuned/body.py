"""The checks before a body is read, and its reading: 413, 415, 400."""

from typing import Any

import orjson
from starlette.requests import Request

from schemas import errors


async def read_json(request: Request, most: int) -> Any:
    """The body, parsed strictly.

    Raises:
        ServiceError: 413 over ``most`` bytes, 415 not JSON by its headers, 400 not JSON by its bytes.
    """
    headers = request.scope["wanted"]
    if int(headers.get(b"content-length", 0)) > most:
        raise _too_large(most)
    if not _is_json(headers.get(b"content-type", b"")):
        raise errors.UnsupportedMediaType("Send the body as application/json, in UTF-8.")
    if headers.get(b"content-encoding", b"identity") != b"identity":
        raise errors.UnsupportedMediaType("Send the body without Content-Encoding.")
    body = await _bytes(request, most)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise errors.MalformedBody("The body is not JSON in UTF-8.") from None


def _is_json(content_type: bytes) -> bool:
    if content_type == b"application/json":
        return True
    media_type, _, parameters = content_type.lower().partition(b";")
    media_type, charset = media_type.strip(), parameters.replace(b" ", b"").replace(b'"', b"")
    suffixed = media_type.startswith(b"application/") and media_type.endswith(b"+json")
    return (media_type == b"application/json" or suffixed) and (
        b"charset=" not in charset or b"charset=utf-8" in charset
    )


async def _bytes(request: Request, most: int) -> bytes:
    message = await request.receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return body
    chunks, size = [body], len(body)
    while message.get("more_body"):
        message = await request.receive()
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > most:
            raise _too_large(most)
    return b"".join(chunks)


def _too_large(most: int) -> errors.BodyTooLarge:
    return errors.BodyTooLarge(f"The body has more than {most} bytes.")
