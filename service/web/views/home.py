"""GET /: what this is, and every route with its purpose."""

from flask import Blueprint, Response, jsonify

from schemas.answers import HomeAnswer
from service.version import NAME, __version__
from service.web.context import current
from service.web.operation import Operation, operation, operation_of

home = Blueprint("home", __name__)


@home.get("/")
@operation(Operation("What this service is and which routes it has", "service", {200: HomeAnswer}))
def index() -> Response:
    """A place to start from."""
    app, _ = current()
    stable = app.models.now.stable
    routes = [
        {"method": method, "path": rule.rule, "purpose": promise.summary}
        for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule)
        if not rule.arguments and (promise := operation_of(app.view_functions[rule.endpoint])) is not None
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]
    return jsonify(
        {
            "service": NAME,
            "version": __version__,
            "model_version": stable.version if stable else None,
            "documentation": "/apidocs/",
            "routes": routes,
        }
    )
