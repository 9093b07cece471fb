"""The first and the last hook: a request's identifier, its clock, its metrics and its log line.

Identifiers are UUIDs, version 4 (RFC 9562), which nobody can guess. They are made by the hundred, which is cheap.
"""

import os
import re
import time
from collections.abc import Iterator

from flask import Response

from service import log, metrics
from service.access.addresses import client_address
from service.web.context import ServingRequest, ServingResponse
from service.web.lean import current

REQUEST_ID = "X-Request-ID"
_SANE = re.compile(r"[\x21-\x7e]{1,128}")
_AT_ONCE = 256
_ready_ids: Iterator[str] = iter(())
"""Identifiers made beforehand. ``next`` on it is atomic: no two threads get the same."""


def begin() -> None:
    """Start the clock; take the client's request id where it is sane, else make one; find the client's address."""
    app, request = current()
    request.started = time.perf_counter()
    given = request.environ.get("HTTP_X_REQUEST_ID")
    request.request_id = given if given and _SANE.fullmatch(given) else new_id()
    peer, proxies = request.remote_addr or "", app.settings.trusted_proxies
    if proxies or ":" in peer:  # an IPv4 address that no proxy stands before is as the kernel writes it
        peer = client_address(peer, request.environ.get("HTTP_X_FORWARDED_FOR"), proxies)
        request.remote_addr = peer
    request.client = peer
    if "HTTP_X_CLIENT_KEY" in request.environ:
        request.client_key = request.environ["HTTP_X_CLIENT_KEY"]
    if "HTTP_X_SERVER_TIMING" in request.environ:
        request.phases = {}
    log.bind(request.request_id)
    if not metrics.PROCESS.knows_worker_slots:  # no hook of gunicorn's has set them
        metrics.worker_slots(metrics.worker_slots_of(request.environ))
    metrics.began(request.environ.get("HTTP_X_REQUEST_START"))


def finish(response: ServingResponse) -> Response:
    """Put the request id on every answer, count and time it, and write its line.

    A request with an ``X-Server-Timing`` header gets the time of each phase (W3C Server-Timing, milliseconds).
    """
    _, request = current()
    seconds = time.perf_counter() - request.started
    response.stamp(REQUEST_ID, request.request_id)
    if request.phases is not None:
        request.phases["total"] = seconds
        timing = ", ".join(f"{phase};dur={spent * 1000:.3f}" for phase, spent in request.phases.items())
        response.stamp("Server-Timing", timing)
    metrics.answered(route_of(request), request.method, response.status_code, seconds)
    line = {
        "request_id": request.request_id,
        "method": request.method,
        "path": request.path,
        "status": response.status_code,
        "latency_ms": round(seconds * 1000, 3),
        "client_ip": request.remote_addr,
        "client": request.client,
    }
    log.info_many(*request.events, ("request", line))
    log.bind("")  # later lines of this thread belong to another request, or to none
    return response


def route_of(request: ServingRequest) -> str:
    """The rule that matched, never the path itself: a label must stay bounded."""
    return request.url_rule.rule if request.url_rule is not None else "unmatched"


def new_id() -> str:
    """122 random bits, e.g. ``5b900fc2-bcf2-4292-aa45-95f9704a5a90``."""
    return next(_ready_ids, None) or _make_ids()


def _make_ids() -> str:
    global _ready_ids
    random = os.urandom(16 * (_AT_ONCE + 1)).hex()
    made = [_format(random[start : start + 32]) for start in range(0, len(random), 32)]
    _ready_ids = iter(made[1:])
    return made[0]


def _format(digits: str) -> str:
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def _drop_ids() -> None:
    """In a forked child, which would else give out its parent's identifiers."""
    global _ready_ids
    _ready_ids = iter(())


os.register_at_fork(after_in_child=_drop_ids)
