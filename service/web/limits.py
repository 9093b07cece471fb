"""RATE_LIMIT on the routes that predict, said in headers.

``RateLimit-Limit``, ``-Remaining`` and ``-Reset`` (seconds) as in draft-ietf-httpapi-ratelimit-headers up to 06: three
plain numbers that clients know. Later drafts fold them into one structured field and are not final either.
"""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from flask import Request

from service.errors import TooManyRequests
from service.guards.limiter import Limiter
from service.guards.rate import Allowance

LIMITED = frozenset({"/predict", "/predict/batch"})
"""A request counts once, whatever its rows: MAX_BATCH_ROWS bounds those. Feedback is free: an outcome that is turned
away is lost, and each one stands for a prediction that was counted."""


class RateLimit:
    """Counts the requests of a client."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter

    def __call__(self, request: Request, client: str) -> dict[str, str]:
        """Count one request; the headers that tell the client where it stands, none on a route without limit.

        Raises:
            TooManyRequests: the limit is used up; Retry-After says when it no longer is.
        """
        if request.method != "POST" or request.url_rule is None or request.url_rule.rule not in LIMITED:
            return {}
        allowance = self._limiter.spend(_counted_as(client))
        headers = _headers(allowance)
        if not allowance.allowed:
            rate = allowance.rate
            raise TooManyRequests(
                f"The limit is {rate.limit} requests in {rate.period} seconds; try again in {allowance.reset} seconds.",
                headers | {"Retry-After": headers["RateLimit-Reset"]},
            )
        return headers


def _headers(allowance: Allowance) -> dict[str, str]:
    return {
        "RateLimit-Limit": str(allowance.rate.limit),
        "RateLimit-Remaining": str(allowance.remaining),
        "RateLimit-Reset": str(allowance.reset),
    }


@lru_cache(maxsize=4096)
def _counted_as(client: str) -> str:
    """A name as it is; an IPv6 address as its /64, since whoever has one address there has them all."""
    if ":" not in client:  # no token's name holds one
        return client
    try:
        address = ip_address(client)
    except ValueError:
        return client
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return f"{IPv6Address(int(address) >> 64 << 64)}/64"
    return str(getattr(address, "ipv4_mapped", None) or address)
