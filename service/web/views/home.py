"""GET /: the service and every route with its purpose. GET /metrics: the counts of all workers, for Prometheus."""

from flask import Blueprint, Response, jsonify

from schemas.answers import HomeAnswer
from service import NAME, __version__, metrics
from service.web.lean import current
from service.web.operation import Operation, operation, template_of

home = Blueprint("home", __name__)


@home.get("/")
@operation(Operation("What this service is and which routes it has", "service", {200: HomeAnswer}, scope=None))
def index() -> Response:
    """A place to start from. Redirects and the files of pages are left out."""
    app, request = current()
    stable = app.models.now.stable
    routes = [
        {"method": method, "path": template_of(rule), "purpose": declared.summary}
        for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule)
        if 200 in (declared := app.operations[rule.endpoint]).answers and not (declared.page and rule.arguments)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]
    return jsonify(
        {
            "service": NAME,
            "version": __version__,
            "model_version": stable.version if stable else None,
            "documentation": f"{request.root_path}/apidocs/",
            "routes": routes,
        }
    )


@home.get("/metrics")
@operation(
    Operation(
        "Counts and times over all workers, for Prometheus", "service", {200: None}, media="text/plain", slow=True
    )
)
def exposition() -> Response:
    """Prometheus text format."""
    return Response(metrics.exposition(current()[0].settings), content_type=metrics.CONTENT_TYPE)
