"""Request id, clock, metrics and one log line a request, as pure ASGI: no BaseHTTPMiddleware, no task a request."""

import re
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from benchmarks.twins.tuned.ids import new_id
from benchmarks.twins.tuned.problems import answer
from schemas.errors import INTERNAL_ERROR, ServiceError
from service import log, metrics

SANE = re.compile(rb"[\x21-\x7e]{1,128}").fullmatch
WANTED = frozenset((b"x-request-id", b"content-length", b"content-type", b"content-encoding"))
"""Headers that a route reads; picked in one pass."""


class Observability:
    """Wraps the app and adds to ``scope``: ``request_id``, ``started`` (seconds), ``wanted`` (the WANTED headers)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; anything but HTTP passes through."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope["started"] = started = time.perf_counter()
        scope["wanted"] = wanted = {name: value for name, value in scope["headers"] if name in WANTED}
        request_id = wanted.get(b"x-request-id")
        if request_id is None or not SANE(request_id):
            request_id = new_id().encode()
        scope["request_id"] = request_id.decode()
        metrics.began()
        status = 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].append((b"x-request-id", request_id))
                _observe(scope, status, time.perf_counter() - started)
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except Exception:
            log.error("error", request_id=scope["request_id"], path=scope["path"], exc_info=True)
            exc = ServiceError(INTERNAL_ERROR)
            await answer(exc, scope["request_id"])(scope, receive, send_with_id)


def _observe(scope: Scope, status: int, seconds: float) -> None:
    route = getattr(scope.get("route"), "path", "unmatched")
    metrics.answered(route, scope["method"], status, seconds)
    client = scope.get("client")
    line = {
        "request_id": scope["request_id"],
        "method": scope["method"],
        "path": scope["path"],
        "status": status,
        "latency_ms": round(seconds * 1000, 3),
        "client_ip": client[0] if client else "",
        "client": scope.get("client_name", ""),
    }
    if "prediction" in scope:
        log.info_many(("prediction_made", scope["prediction"]), ("request", line))
    else:
        log.info("request", **line)
