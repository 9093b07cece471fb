"""Traces by OpenTelemetry: a span for each request, below its caller's (W3C traceparent), and one for each phase of it.

The application has these hooks, and imports the library, only where OTEL_EXPORTER_OTLP_ENDPOINT is set. What the
library itself reads of the environment (OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER and others) goes on counting.

The spans are made when the request has been answered, of times that were taken on its way: the prediction service
times its phases anyway for clients that ask for Server-Timing.
"""

import os
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flask import Response

from service import __version__
from service.settings import Settings, SettingsError
from service.web.context import ServingResponse
from service.web.lean import current
from service.web.tracing import route_of

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

PHASES = {"validate": "parse and validate", "predict": "predict", "record": "record", "serialise": "serialise"}
"""Spans by the phase that they show, in order. The fast path validates while it parses, so these two are one span."""
BEFORE_PHASES = "receive"
"""The span of what comes before: the guards, the choice of a version, the reading of the body."""
STOP_SECONDS = 2.0
"""How long the exporter tries to send, and so how long a worker that stops waits for a collector that is away."""
INSTALL = "pip install -r requirements-otel.txt"
_lock = threading.Lock()
_tracer: "Tracer | None" = None


class Phases(dict[str, float]):
    """Seconds by phase. ``wanted``: the client asks for them. ``ended``: when the last were added, ``perf_counter``."""

    def __init__(self, wanted: bool) -> None:
        super().__init__()
        self.wanted = wanted
        self.ended = 0.0

    def __ior__(self, spent: Any) -> "Phases":  # type: ignore[override,misc]  # a dict's takes pairs as well
        self.update(spent)
        self.ended = time.perf_counter()
        return self


def prepare() -> None:
    """Import the library, in gunicorn before the fork.

    Raises:
        SettingsError: it is not installed.
    """
    try:
        import opentelemetry.exporter.otlp.proto.http.trace_exporter
        import opentelemetry.sdk.trace.export  # noqa: F401  # for their pages alone
    except ImportError:
        raise SettingsError(f"OTEL_EXPORTER_OTLP_ENDPOINT needs OpenTelemetry's packages: {INSTALL}.") from None


def begin() -> None:
    """Have the phases of this request timed."""
    _, request = current()
    request.phases = Phases(wanted=request.phases is not None)


def finish(response: ServingResponse) -> Response:
    """Hand the spans of this request to the exporter, which sends them in a thread of its own."""
    from opentelemetry.propagate import extract
    from opentelemetry.trace import SpanKind, Status, StatusCode

    app, request = current()
    now, phases = time.perf_counter(), request.phases
    offset = time.time_ns() - int(now * 1e9)
    tracer, route = _tracer_of(app.settings), route_of(request)
    span = tracer.start_span(
        f"{request.method} {route}",
        context=extract(_trace_headers(request.environ)),
        kind=SpanKind.SERVER,
        start_time=offset + int(request.started * 1e9),
        attributes={
            "http.request.method": request.method,
            "http.route": route,
            "http.response.status_code": response.status_code,
            "request_id": request.request_id,
        },
    )
    if isinstance(phases, Phases):
        if phases and span.is_recording():
            _add_phases(tracer, span, phases, request.started, offset)
        if not phases.wanted:
            request.phases = None  # else the answer would say Server-Timing
    if response.status_code >= 500:
        span.set_status(Status(StatusCode.ERROR))
    span.end(offset + int(now * 1e9))
    return response


def _add_phases(tracer: "Tracer", request: "Span", phases: Phases, started: float, offset: int) -> None:
    """The phases follow one another, and the last ended at ``phases.ended``."""
    from opentelemetry.trace import set_span_in_context

    below = set_span_in_context(request)
    at = phases.ended - sum(phases.values())
    for name, begins, ends in ((BEFORE_PHASES, started, at), *_intervals(phases, at)):
        span = tracer.start_span(name, context=below, start_time=offset + int(begins * 1e9))
        span.end(offset + int(ends * 1e9))


def _intervals(phases: Phases, at: float) -> list[tuple[str, float, float]]:
    found = []
    for phase, name in PHASES.items():
        found.append((name, at, at := at + phases.get(phase, 0.0)))
    return found


def _trace_headers(environ: Mapping[str, Any]) -> dict[str, str]:
    names = {"traceparent": "HTTP_TRACEPARENT", "tracestate": "HTTP_TRACESTATE"}
    return {name: environ[key] for name, key in names.items() if key in environ}


def _tracer_of(settings: Settings) -> "Tracer":
    """This process's tracer: its exporter has a thread, so the first request makes it, after the fork."""
    global _tracer
    if _tracer is None:
        with _lock:
            _tracer = _tracer or _make_tracer(settings.otel_exporter_otlp_endpoint)
    return _tracer


def _make_tracer(endpoint: str) -> "Tracer":
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    about = {"service.version": __version__}
    if "OTEL_SERVICE_NAME" not in os.environ:
        about["service.name"] = "tabular-serving"
    named = {"OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT"} & os.environ.keys()
    exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=None if named else STOP_SECONDS)
    provider = TracerProvider(resource=Resource.create(about))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider.get_tracer("service", __version__)


def _forget() -> None:
    """In a forked child: the parent's exporter has no thread here."""
    global _tracer, _lock
    _tracer, _lock = None, threading.Lock()


os.register_at_fork(after_in_child=_forget)
