"""Flask's classes, as this service uses them."""

import flask

from service.models.process import Models
from service.records.record import Record
from service.settings import Settings


class Request(flask.Request):
    """A request, and what the hooks have found out about it."""

    request_id: str = ""
    started: float = 0.0
    client: str = ""
    record: Record | None = None


class LeanFlask(flask.Flask):
    """The application, with the two things that every view may ask."""

    request_class = Request
    settings: Settings
    models: Models


def current() -> tuple[LeanFlask, Request]:
    """The application and the request, taken once instead of through a proxy at each use."""
    return flask.current_app._get_current_object(), flask.request._get_current_object()  # type: ignore[attr-defined]
