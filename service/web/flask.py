"""Flask without the fixed costs of what this service does not use; its dispatch and its hooks are Flask's own.

Left out: sessions, ``async def`` views (refused when registered), a URL adapter built per request (it is built when
somebody asks for it), the second matching of a route without variables. Everything else is inherited. Rules are not
matched by host or subdomain.
"""

from collections.abc import Callable
from functools import cached_property
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from flask import Flask
from flask.ctx import RequestContext
from flask.globals import _cv_app, _cv_request
from flask.sessions import NullSession, SessionInterface
from werkzeug.routing import MapAdapter, Rule

from service.web.json import OrjsonProvider
from service.web.messages import Request, Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

__all__ = ["LeanFlask", "Request", "Response"]


class NoSession(SessionInterface):
    """No cookie is read, made or looked for; ``flask.session`` says that there is none."""

    _session = NullSession()

    def open_session(self, app: Flask, request: Any) -> NullSession:
        """The one empty session of everybody."""
        return self._session

    def is_null_session(self, obj: object) -> bool:
        """Nothing is ever saved."""
        return True


class LeanContext(RequestContext):
    """A request context that matches a route without variables by one look-up and builds its URL adapter when asked."""

    def __init__(self, app: "LeanFlask", environ: "WSGIEnvironment", request: Any = None, session: Any = None) -> None:
        self.app = app
        self.request = app.request_class(environ) if request is None else request
        self.flashes = None
        self._session = app.session_interface.open_session(app, self.request) if session is None else session
        self._after_request_functions = []
        self._cv_tokens = []

    @cached_property
    def url_adapter(self) -> MapAdapter | None:  # type: ignore[override]  # an attribute in Flask, set at once
        """What ``url_for`` asks."""
        return self.app.create_url_adapter(self.request)

    def match_request(self) -> None:
        """Find the rule; one without variables is remembered by method and path (at most as many as there are)."""
        request, known = self.request, self.app.known_routes  # type: ignore[attr-defined]  # of LeanFlask
        key = request.method, request.path
        rule = known.get(key)
        if rule is None or self.app.config["TRUSTED_HOSTS"] is not None:
            super().match_request()
            rule = request.url_rule
            if rule is not None and not rule.arguments:
                known[key] = rule
        else:
            request.url_rule, request.view_args = rule, {}

    def push(self) -> None:
        """Flask's own, in its order: the application context, the request context, the route."""
        app_context = _cv_app.get(None)
        if app_context is None or app_context.app is not self.app:
            app_context = self.app.app_context()
            app_context.push()
        else:
            app_context = None
        self._cv_tokens.append((_cv_request.set(self), app_context))
        self.match_request()


class LeanFlask(Flask):
    """A Flask application for synchronous views without sessions."""

    request_class = Request
    response_class = Response
    json_provider_class = OrjsonProvider
    session_interface = NoSession()

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.known_routes: dict[tuple[str, str], Rule] = {}
        super().__init__(*arguments, **named)

    def request_context(self, environ: "WSGIEnvironment") -> LeanContext:
        """The context of one request."""
        return LeanContext(self, environ)

    def add_url_rule(
        self, rule: str, endpoint: str | None = None, view_func: Callable[..., Any] | None = None, *args: Any, **kw: Any
    ) -> None:
        """Register a view.

        Raises:
            TypeError: the view is ``async def``; under WSGI it would only be slower.
        """
        if view_func is not None and iscoroutinefunction(view_func):
            raise TypeError(f"The view {view_func.__name__} is async; views of this application are plain functions.")
        self.known_routes.clear()
        super().add_url_rule(rule, endpoint, view_func, *args, **kw)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Every hook and view is a plain function: nothing to look into."""
        return func
