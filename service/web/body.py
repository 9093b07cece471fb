"""A request's body: its size, then its type, then its bytes."""

from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from service.errors import BodyTooLarge, MalformedBody, UnsupportedMediaType
from service.telemetry import metrics
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
    if not _is_json(request.environ.get("CONTENT_TYPE", "")):
        raise UnsupportedMediaType("Send JSON, with Content-Type: application/json.")
    if request.environ.get("HTTP_CONTENT_ENCODING", "identity").lower() not in ("identity", ""):
        raise UnsupportedMediaType("Send the body as it is, without Content-Encoding.")
    return body


def _is_json(content_type: str) -> bool:
    if content_type == "application/json":
        return True
    media_type, _, parameters = content_type.partition(";")
    media_type = media_type.strip().lower()
    if not (
        media_type == "application/json" or (media_type.startswith("application/") and media_type.endswith("+json"))
    ):
        return False
    charset = parameters.replace(" ", "").lower()
    return "charset=" not in charset or "charset=utf-8" in charset.replace('"', "")
