"""GET /: the service and every route, or a landing page for browsers. GET /metrics: for Prometheus."""

from flask import Blueprint, Response, jsonify

from schemas.answers import HomeAnswer
from service import NAME, __version__, metrics
from service.web.context import ServingApp
from service.web.lean import current
from service.web.operation import Operation, operation, template_of
from service.web.pages import HTML, render

home = Blueprint("home", __name__)


@home.get("/")
@operation(Operation("What this service is and which routes it has", "service", {200: HomeAnswer}, scope=None))
def index() -> Response:
    """A place to start from: a page where HTML is preferred. Redirects and the pages' files are left out."""
    app, request = current()
    stable = app.models.now.stable
    if request.accept_mimetypes.best_match(("application/json", HTML)) == HTML:
        return _landing_page(app)
    routes = [
        {"method": method, "path": template_of(rule), "purpose": declared.summary}
        for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule)
        if 200 in (declared := app.operations[rule.endpoint]).answers and not (declared.page and rule.arguments)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]
    response = jsonify(
        {
            "service": NAME,
            "version": __version__,
            "model_version": stable.version if stable else None,
            "documentation": f"{request.root_path}/apidocs/",
            "routes": routes,
        }
    )
    response.headers["Vary"] = "Accept"
    return response


@home.get("/metrics")
@operation(
    Operation(
        "Counts and times over all workers, for Prometheus", "service", {200: None}, media="text/plain", slow=True
    )
)
def exposition() -> Response:
    """Prometheus text format."""
    return Response(metrics.exposition(current()[0].settings), content_type=metrics.CONTENT_TYPE)


def _landing_page(app: ServingApp) -> Response:
    """The model, its health, a form for one row, and links to everything."""
    loaded = app.models.now
    stable = loaded.stable
    manifest = stable.manifest if stable else None
    response = render(
        "home.html",
        manifest=manifest,
        contract=manifest.contract if manifest else None,
        metric=manifest.metrics.get(manifest.metric) if manifest else None,
        has_probabilities=stable is not None and stable.has_probabilities,
        needs_token=app.tokens is not None,
        reason=" ".join(loaded.reasons),
    )
    response.headers["Vary"] = "Accept"
    return response
