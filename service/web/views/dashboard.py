"""GET /dashboard: an hour, a day or a week as a page, for people without Grafana."""

from flask import Blueprint, Response, jsonify
from marshmallow import fields, validate

from schemas.errors import InvalidInput
from service.metrics import history
from service.rollout_status import current_rollout
from service.web.lean import current
from service.web.operation import Operation, operation
from service.web.pages import HTML, render

dashboard = Blueprint("dashboard", __name__)

RANGE = fields.String(
    validate=validate.OneOf(list(history.RANGES)),
    metadata={"description": f"How far back: {', '.join(history.RANGES)}; {history.SHORTEST} where left out."},
)
_SHOWN = ("version", "stable", "steps", "step", "share", "phase", "why", "who", "since", "requests", "measures")
"""Of a rollout."""


@dashboard.get("/dashboard")
@operation(Operation("Traffic, latency and the model at a glance", "service", {200: None}, media=HTML, page=True))
def overview() -> Response:
    """Traffic, latency, errors, versions, drift, accuracy."""
    return render("dashboard.html", ranges=list(history.RANGES))


@dashboard.get("/dashboard/data")
@operation(
    Operation(
        "What the dashboard draws",
        "service",
        {200: None},
        fails=(InvalidInput,),
        query={"range": RANGE},
        page=True,
        slow=True,
    )
)
def data() -> Response:
    """The points of a range, those after ``since`` (Unix time) if it is given, and one of now; the last rollout.

    Raises:
        InvalidInput: there is no such range.
    """
    app, request = current()
    name, since = request.args.get("range", history.SHORTEST), request.args.get("since", 0.0, float)
    if name not in history.RANGES:
        raise InvalidInput({"range": [f"Must be one of: {', '.join(history.RANGES)}."]}, 1)
    *points, now = history.read(app.settings, name)
    later = [point for point in points if point.time > since]
    rollout = current_rollout(app.settings.artifacts_dir)
    shown = None if rollout is None else {name: getattr(rollout, name) for name in _SHOWN}
    seconds = history.RANGES[name].seconds
    response = jsonify({"bounds": history.BOUNDS, "every": seconds, "points": [*later, now], "rollout": shown})
    response.headers["Cache-Control"] = "no-store"
    return response
