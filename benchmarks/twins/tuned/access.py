"""Bearer tokens and the rate limit, each off until its setting is given, as in the Flask service."""

import hashlib
import math
import time
from pathlib import Path

from limits import parse
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.requests import Request

from schemas import errors
from service import metrics
from service.settings import Settings


class Access:
    """Called before a body is read."""

    def __init__(self, settings: Settings) -> None:
        self._clients = known_clients(settings.api_tokens_file)
        self._limit = parse(str(settings.rate_limit)) if settings.rate_limit else None
        storage = RedisStorage(settings.redis_url) if settings.redis_url and self._limit else MemoryStorage()
        self._limiter = MovingWindowRateLimiter(storage)
        self.idle = not self._clients and self._limit is None

    def check(self, request: Request) -> None:
        """Let a prediction pass, or raise Unauthorized or TooManyRequests."""
        self.identify(request)
        if self._limit is None:
            return
        client = request.scope.get("client_name") or (request.client.host if request.client else "")
        if not self._limiter.hit(self._limit, client):
            metrics.refused("limit")
            reset, _ = self._limiter.get_window_stats(self._limit, client)
            wait = {"Retry-After": str(max(1, math.ceil(reset - time.time())))}
            raise errors.TooManyRequests(f"The limit is {self._limit}.", wait)

    def identify(self, request: Request) -> None:
        """Find the client's name by its token, where there are any, or raise Unauthorized."""
        if not self._clients:
            return
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        name = verified(self._clients, token.strip()) if scheme.lower() == "bearer" else None
        if name is None:
            metrics.refused("auth")
            challenge = {"WWW-Authenticate": "Bearer"}
            raise errors.Unauthorized("Send a known token as Authorization: Bearer.", challenge)
        request.scope["client_name"] = name


def verified(clients: dict[str, str], token: str) -> str | None:
    """The client whose token this is; tokens are compared by their hashes."""
    return clients.get(hashlib.sha256(token.encode()).hexdigest())


def known_clients(path: Path | None) -> dict[str, str]:
    """Token hash (SHA-256, hex) to client name, of a file in the service's format: ``name:hash[:scopes]`` a line."""
    if path is None:
        return {}
    lines = [line.partition("#")[0].strip().split(":") for line in path.read_text().splitlines()]
    return {words[1].strip().lower(): words[0] for words in lines if len(words) >= 2}
