"""The first and the last hook: the request's id, its clock, its metrics and its log line."""

import re
import time

from service import log, metrics
from service.web.context import ServingRequest, current
from service.web.ids import new_id
from service.web.lean.messages import Response

REQUEST_ID = "X-Request-ID"
_SANE = re.compile(r"[\x21-\x7e]{1,128}")


def begin() -> None:
    """Start the clock; take the client's request id where it is sane, else make one."""
    _, request = current()
    request.started = time.perf_counter()
    given = request.environ.get("HTTP_X_REQUEST_ID")
    request.request_id = given if given and _SANE.fullmatch(given) else new_id()
    request.client = request.remote_addr or ""
    if "HTTP_X_SERVER_TIMING" in request.environ:
        request.phases = {}
    log.bind(request.request_id)
    if not metrics.PROCESS.knows_worker_slots:  # no hook of gunicorn's has set them
        metrics.worker_slots(metrics.worker_slots_of(request.environ))
    metrics.began(request.environ.get("HTTP_X_REQUEST_START"))


def finish(response: Response) -> Response:
    """Name the request id on every answer, count and time it, and write its line.

    A request with an ``X-Server-Timing`` header is told where its time went (W3C Server-Timing, milliseconds).
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
    log.bind("")  # what this thread says next is of another request, or of none
    return response


def route_of(request: ServingRequest) -> str:
    """The rule that matched, never the path itself: a label must stay bounded."""
    return request.url_rule.rule if request.url_rule is not None else "unmatched"
