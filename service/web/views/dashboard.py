"""GET /dashboard: the last hour as a page, for people without Grafana. Chart.js comes from the package chartkick."""

from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from flask import Blueprint, Response, jsonify, render_template, send_file

from schemas.errors import NotFound
from service import NAME, __version__
from service.metrics import history
from service.routing_changes import current_rollout
from service.web.lean import current
from service.web.operation import Operation, operation
from service.web.pages import DAY, HTML, confine, folder_of

_HERE = Path(__file__).parent

_SHOWN = ("version", "stable", "steps", "step", "share", "phase", "why", "who", "since", "requests", "measures")
"""Of a rollout."""

dashboard = Blueprint("dashboard", __name__, template_folder="templates")


@dashboard.get("/dashboard")
@operation(Operation("The last hour at a glance, as a page", "service", {200: None}, media=HTML, page=True))
def overview() -> Response:
    """Traffic, latency, errors, versions, drift, accuracy."""
    return page("dashboard.html")


@dashboard.get("/dashboard/data")
@operation(Operation("What the dashboard draws", "service", {200: None}, page=True, slow=True))
def data() -> Response:
    """A point every ten seconds of the last hour, those after ``since`` if it is given, and now; the last rollout."""
    app, request = current()
    since = request.args.get("since", 0.0, float)
    *points, now = history.read(app.settings)
    later = [point for point in points if point.time > since]
    rollout = current_rollout(app.settings.artifacts_dir)
    shown = None if rollout is None else {name: getattr(rollout, name) for name in _SHOWN}
    response = jsonify({"bounds": history.BOUNDS, "points": [*later, now], "rollout": shown})
    response.headers["Cache-Control"] = "no-store"
    return response


@dashboard.get("/dashboard/static/<filename>")
@operation(Operation("A file of the pages", "service", {200: None}, page=True))
def static(filename: str) -> Response:
    """One file, which the browser may keep: its address changes with its version."""
    path = _files().get(filename)
    if path is None:
        raise NotFound("The pages have no such file.")
    response = send_file(path)
    response.headers["Cache-Control"] = f"private, max-age={DAY}"
    return response


def page(template: str) -> Response:
    """A page of this blueprint's templates."""
    edition = f"{__version__}-{version('chartkick')}"
    return confine(Response(render_template(template, title=NAME, edition=edition), mimetype=HTML))


@lru_cache(maxsize=1)
def _files() -> dict[str, Path]:
    charts = folder_of("chartkick") / "django" / "static" / "chartkick" / "Chart.bundle.js"
    return {path.name: path for path in (_HERE / "static").iterdir()} | {"charts.js": charts}
