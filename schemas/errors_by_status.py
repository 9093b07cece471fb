"""The class of error that a status means, for refusals of Flask and of gunicorn."""

from functools import lru_cache

from schemas.errors import (
    BadRequest,
    BodyTooLarge,
    Conflict,
    ExpectationFailed,
    Forbidden,
    HeadersTooLarge,
    MethodNotAllowed,
    NotFound,
    NotSupported,
    RequestTimeout,
    ServiceError,
    TooManyRequests,
    Unauthorized,
    UnsupportedMediaType,
    UriTooLong,
)

_BY_STATUS = {
    error.status: error
    for error in (
        *(ServiceError, BadRequest, UriTooLong, ExpectationFailed, HeadersTooLarge, NotSupported, RequestTimeout),
        *(NotFound, MethodNotAllowed, Unauthorized, Forbidden, TooManyRequests),
        *(BodyTooLarge, UnsupportedMediaType, Conflict),
    )
}
"""The class of a status that means one thing, whoever refuses. 503 has three, and 422 needs to know the fields."""


@lru_cache(maxsize=64)
def error_class(status: int, name: str) -> type[ServiceError]:
    """The class of errors with a status; where this service has none, it is made of the status's ``name``."""
    known = _BY_STATUS.get(status)
    if known is not None:
        return known
    slug = name.lower().replace(" ", "-")
    return type(name, (ServiceError,), {"status": status, "type": slug, "title": name})
