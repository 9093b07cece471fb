"""A request's body: its size, then its type, then its bytes."""

from functools import lru_cache

from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.http import parse_options_header

from schemas.errors import BodyTooLarge, MalformedBody, UnsupportedMediaType
from service import metrics
from service.web.context import ServingRequest


def read_body(request: ServingRequest, most: int) -> bytes:
    """The whole body, JSON by its headers, at most ``most`` bytes long, whether or not it said its length.

    Raises:
        BodyTooLarge, UnsupportedMediaType, MalformedBody
    """
    try:
        body = request.body(most)
    except RequestEntityTooLarge:
        metrics.refused("size")
        raise BodyTooLarge(f"The body is larger than {most} bytes; send fewer rows.") from None
    except ClientDisconnected:
        raise MalformedBody("The body ended before its announced length, or its chunks are malformed.") from None
    if not body and "HTTP_TRANSFER_ENCODING" in request.environ and "wsgi.input_terminated" not in request.environ:
        raise MalformedBody("This server reads no chunked bodies; send a Content-Length.")
    if not _is_json(request.environ.get("CONTENT_TYPE", "")):
        raise UnsupportedMediaType("Send JSON, with Content-Type: application/json.")
    if request.environ.get("HTTP_CONTENT_ENCODING", "identity").lower() not in ("identity", ""):
        raise UnsupportedMediaType("Send the body as it is, without Content-Encoding.")
    return body


@lru_cache(maxsize=256)
def _is_json(content_type: str) -> bool:
    """Whether it says JSON in UTF-8; ``utf8`` is how many clients spell it (WHATWG Encoding)."""
    media_type, parameters = parse_options_header(content_type)
    media_type = media_type.lower()
    if not (
        media_type == "application/json" or (media_type.startswith("application/") and media_type.endswith("+json"))
    ):
        return False
    return parameters.get("charset", "utf-8").lower() in ("utf-8", "utf8")
