"""RATE_LIMIT on every limited operation, with its state in headers.

``RateLimit-Limit``, ``-Remaining`` and ``-Reset`` (seconds) as in draft-ietf-httpapi-ratelimit-headers up to 06: three
plain numbers that clients know. Later drafts fold them into one structured field and are not final either.

A request counts once, whatever its rows: MAX_BATCH_ROWS bounds those. Feedback is free: a refused outcome would be
lost, and each one stands for a prediction that was counted.
"""

from flask import Response

from schemas.errors import TooManyRequests
from service import metrics
from service.access.addresses import limit_key
from service.web.lean import current


def check() -> None:
    """Count the request against its client's limit.

    Raises:
        TooManyRequests: the limit is used up; Retry-After says when it is renewed.
    """
    app, request = current()
    operation = app.operation_of(request)
    if app.limiter is None or operation is None or not operation.limited or request.method == "OPTIONS":
        return
    request.rate_limit_status = status = app.limiter.check(limit_key(request.client))
    if not status.allowed:
        metrics.refused("limit")
        raise TooManyRequests(
            f"The limit of {status.rate.limit} requests in {status.rate.period} seconds is used up; "
            f"it is renewed in {status.reset}.",
            {"Retry-After": str(status.reset)},
        )


def set_headers(response: Response) -> Response:
    """Put the client's limit on every answer that was counted."""
    status = current()[1].rate_limit_status
    if status is not None:
        response.headers["RateLimit-Limit"] = str(status.rate.limit)
        response.headers["RateLimit-Remaining"] = str(status.remaining)
        response.headers["RateLimit-Reset"] = str(status.reset)
    return response
