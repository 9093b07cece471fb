"""The application and the request as the hooks and views of this service see them."""

from typing import Any

from service.access.counters import RateLimitStatus
from service.access.rate_limit import Limiter
from service.access.tokens import TokenFile
from service.models.serving import Models
from service.records import Record
from service.records.recorder import Recorder
from service.settings import Settings
from service.web.lean.app import LeanFlask, Request, request_context


class ServingRequest(Request):
    """A request, and what the hooks have found out about it.

    ``started`` is of ``time.perf_counter``, ``client`` the name behind the token, or the address,
    ``rate_limit_status`` what its rate limit leaves it, where the route has one, ``events`` what is logged with its
    line, ``phases`` seconds by name, where the client asks for Server-Timing.
    """

    request_id: str = ""
    started: float = 0.0
    client: str = ""
    record: Record | None = None
    rate_limit_status: RateLimitStatus | None = None
    phases: dict[str, float] | None = None
    events: tuple[tuple[str, dict[str, Any]], ...] = ()


class ServingApp(LeanFlask):
    """The application, with what its hooks and views may ask."""

    request_class = ServingRequest
    settings: Settings
    models: Models
    records: Recorder
    tokens: TokenFile | None = None
    limiter: Limiter | None = None
    swag: Any = None


def current() -> tuple[ServingApp, ServingRequest]:
    """The application and the request, taken once instead of through a proxy at each use."""
    context = request_context()
    return context.app, context.request
