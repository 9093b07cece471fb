"""The pages: Swagger UI by Flasgger at /apidocs/, ReDoc at /redoc, the document at /apispec.json.

Flasgger brings the routes' views and looks; the document is ours, and Swagger UI is the current one instead of the
3.28 that Flasgger ships (its issue 521: DOM XSS). Nothing on a page comes from another host, and a
Content-Security-Policy enforces that.
"""

from typing import Any

from flasgger import Swagger
from flasgger.base import APIDocsView, APISpecsView
from flask import Blueprint, Response, has_request_context, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from schemas.answers import DocumentAnswer
from service import NAME
from service.web.context import ServingApp
from service.web.docs.components import Document
from service.web.docs.document import make_document
from service.web.operation import Operation, operation
from service.web.pages import HTML, INLINE_STYLES, confine, render

LOOSENED = {
    **INLINE_STYLES,  # both pages style themselves from their scripts
    "font-src": "'self' data:",
    "worker-src": "'self' blob:",  # ReDoc's search
}
SWAGGER_UI = Operation(
    "The documents as a page to try things out on (Swagger UI)",
    "service",
    {200: None},
    media=HTML,
    scope=None,
    page=True,
)
REDOC = Operation("The documents as a page to read (ReDoc)", "service", {200: None}, media=HTML, scope=None, page=True)
APISPEC = Operation("The API as an OpenAPI document", "service", {200: DocumentAnswer}, scope=None)
REDIRECT = Operation("Leads to the documents", "service", {302: None}, scope=None, page=True)


class Pages(Swagger):  # type: ignore[misc]  # Flasgger has no types
    """Flasgger with our document. Left out: its hook on every request, its parsing of docstrings, its OAuth page."""

    def __init__(self, app: ServingApp) -> None:
        self._made: tuple[str | None, Document] | None = None
        super().__init__(app, config={"endpoint": "flasgger", "title": NAME, "specs": [{"endpoint": "apispec"}]})

    def init_app(self, app: ServingApp, decorators: Any = None) -> None:
        """Register the routes."""
        self.app = app
        app.swag = self  # where Flasgger's command, ``flask generate-api-schema``, looks for it
        self.register_views(app)

    def register_views(self, app: ServingApp) -> None:
        """Flasgger's views at our addresses."""
        pages = Blueprint("flasgger", __name__)
        swagger_ui = _SwaggerUI.as_view("apidocs", view_args={"config": self.config})
        document = APISpecsView.as_view("apispec", loader=self.get_apispecs)
        pages.add_url_rule("/apidocs/", "apidocs", operation(SWAGGER_UI)(swagger_ui))
        pages.add_url_rule("/apispec.json", "apispec", operation(APISPEC)(document))
        pages.add_url_rule("/redoc", "redoc", redoc)
        for address in ("/apidocs", "/docs"):
            pages.add_url_rule(address, address.strip("/") + "_moved", _to_apidocs)
        pages.after_request(_confine)
        app.register_blueprint(pages)

    def get_apispecs(self, endpoint: str = "apispec") -> Document:
        """The document of the stable model, made once for each."""
        model = self.app.models.now.stable
        digest = model.manifest.sha256 if model is not None else None
        if self._made is None or self._made[0] != digest:
            self._made = digest, make_document(self.app, model)
        document = self._made[1]
        root = request.root_path if has_request_context() else ""
        return document | {"servers": [{"url": root}]} if root else document


class _SwaggerUI(APIDocsView):  # type: ignore[misc]  # Flasgger has no types
    """Flasgger's view with our page."""

    def get(self) -> BaseResponse:
        """The page, or with ``?json=1`` the list of documents that Flasgger's page is made from."""
        if request.args.get("json"):
            listed: BaseResponse = super().get()
            return listed
        return render("swagger.html")


@operation(REDOC)
def redoc() -> Response:
    """The document by ReDoc."""
    return render("redoc.html")


@operation(REDIRECT)
def _to_apidocs() -> BaseResponse:
    """From the addresses that people try first."""
    return redirect(url_for("flasgger.apidocs"))


def _confine(response: Response) -> Response:
    return confine(response, LOOSENED)
