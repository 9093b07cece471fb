"""RATE_LIMIT, on every route whose promise names TooManyRequests, told in headers.

``RateLimit-Limit``, ``-Remaining`` and ``-Reset`` (seconds) as in draft-ietf-httpapi-ratelimit-headers up to 06: three
plain numbers that clients know. Later drafts fold them into one structured field and are not final either.

A request counts once, whatever its rows: MAX_BATCH_ROWS bounds those. Feedback is free: an outcome that was turned away
would be lost, and each one stands for a prediction that was counted.
"""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from schemas.errors import TooManyRequests
from service import metrics
from service.web.context import current
from service.web.lean.messages import Response
from service.web.operation import operation_of


def spend() -> None:
    """Count the request against its client's limit.

    Raises:
        TooManyRequests: the limit is used up; Retry-After says when it no longer is.
    """
    app, request = current()
    if app.limiter is None or request.url_rule is None or request.method == "OPTIONS":
        return
    promise = operation_of(app.view_functions[request.url_rule.endpoint])
    if promise is None or TooManyRequests not in promise.fails:
        return
    request.rate_limit_status = rate_limit_status = app.limiter.check(counted_as(request.client))
    if not rate_limit_status.allowed:
        metrics.refused("limit")
        rate, seconds = rate_limit_status.rate, rate_limit_status.reset
        raise TooManyRequests(
            f"The limit of {rate.limit} requests in {rate.period} seconds is used up; it is renewed in {seconds}.",
            {"Retry-After": str(seconds)},
        )


def tell(response: Response) -> Response:
    """Say on every counted answer where its client stands."""
    rate_limit_status = current()[1].rate_limit_status
    if rate_limit_status is not None:
        response.headers["RateLimit-Limit"] = str(rate_limit_status.rate.limit)
        response.headers["RateLimit-Remaining"] = str(rate_limit_status.remaining)
        response.headers["RateLimit-Reset"] = str(rate_limit_status.reset)
    return response


@lru_cache(maxsize=4096)
def counted_as(client: str) -> str:
    """A name, or an IPv4 address, as it is; an IPv6 address as its /64: whoever has one of those has them all."""
    if ":" not in client:  # which no client's name has
        return client
    try:
        address = ip_address(client)
    except ValueError:
        return client
    if not isinstance(address, IPv6Address):
        return client
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{IPv6Address(int(address) >> 64 << 64)}/64"
