"""Flask without the fixed costs of what this service does not use; its dispatch and its hooks are Flask's own.

Left out: sessions, ``async def`` views (refused when registered), signals without a receiver, the URL adapter until
somebody uses it, the second matching of a route without variables. Everything else is inherited. Rules are not matched
by host or subdomain.
"""

from collections.abc import Callable
from functools import cached_property
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

import flask
from flask import Flask
from flask.ctx import AppContext, RequestContext
from flask.globals import _cv_app, _cv_request
from werkzeug.routing import MapAdapter, Rule

from service.web.context import NoSession, ServingApp, ServingRequest, ServingResponse
from service.web.json_provider import OrjsonProvider
from service.web.lean.messages import LeanRequest, LeanResponse

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

Hook = Callable[..., Any]


def current() -> tuple[ServingApp, ServingRequest]:
    """The application and the request of this thread, taken once instead of through a proxy at each use."""
    context: Any = _cv_request.get()
    return context.app, context.request


def _has_no_receivers(app: Flask) -> bool:
    """Whether nothing waits for the beginning or the end of a context."""
    return not (
        app.teardown_request_funcs
        or app.teardown_appcontext_funcs
        or flask.appcontext_pushed.receivers
        or flask.appcontext_popped.receivers
        or flask.appcontext_tearing_down.receivers
        or flask.request_tearing_down.receivers
    )


class LeanAppContext(AppContext):
    """An application context for the time of a request."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.g = app.app_ctx_globals_class()
        self._cv_tokens = []

    @cached_property
    def url_adapter(self) -> MapAdapter | None:  # type: ignore[override]  # an attribute in Flask, set at once
        """Serves ``url_for`` outside a request."""
        return self.app.create_url_adapter(None)


class LeanContext(RequestContext):
    """A request context that matches a route without variables by one look-up and builds its URL adapter on demand."""

    def __init__(self, app: Any, environ: "WSGIEnvironment", request: Any = None, session: Any = None) -> None:
        self.app = app
        self.request = app.request_class(environ) if request is None else request
        self.flashes = None
        self._session = NoSession.session if session is None else session
        self._after_request_functions = []
        self._cv_tokens = []
        self._lean = False

    @cached_property
    def url_adapter(self) -> MapAdapter | None:  # type: ignore[override]  # an attribute in Flask, set at once
        """Serves ``url_for`` and the matching."""
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
        """As in Flask, in its order: the application context, the request context, the route."""
        self._lean = _has_no_receivers(self.app)
        app_context = _cv_app.get(None)
        if app_context is None or app_context.app is not self.app:
            app_context = LeanAppContext(self.app)
            if self._lean:
                app_context._cv_tokens.append(_cv_app.set(app_context))
            else:
                app_context.push()
        else:
            app_context = None
        self._cv_tokens.append((_cv_request.set(self), app_context))
        self.match_request()

    def pop(self, *exc: Any) -> None:
        """As in Flask, in its order, without teardown where nothing waits for it."""
        if len(self._cv_tokens) != 1 or _cv_request.get() is not self or not self._lean:
            super().pop(*exc)
            return
        token, app_context = self._cv_tokens.pop()
        self.request.close()
        _cv_request.reset(token)
        self.request.environ["werkzeug.request"] = None
        if app_context is not None:
            _cv_app.reset(app_context._cv_tokens.pop())


class LeanFlask(Flask):
    """A Flask application for synchronous views without sessions."""

    request_class: type[ServingRequest] = LeanRequest
    response_class: type[ServingResponse] = LeanResponse
    json_provider_class = OrjsonProvider
    session_interface = NoSession()

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.known_routes: dict[tuple[str, str], Rule] = {}
        self._hooks: dict[str | None, tuple[tuple[Hook, ...], tuple[Hook, ...]]] = {}
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

    def hooks_of(self, request: flask.Request) -> tuple[tuple[Hook, ...], tuple[Hook, ...]]:
        """The hooks before and after the request, in Flask's order; collected once for each endpoint."""
        found = self._hooks.get(request.endpoint)
        if found is None:
            inwards = (None, *reversed(request.blueprints))
            before = tuple(hook for name in inwards for hook in self.before_request_funcs.get(name, ()))
            after = tuple(hook for name in inwards for hook in self.after_request_funcs.get(name, ()))
            found = self._hooks[request.endpoint] = before, after[::-1]
        return found

    def preprocess_request(self) -> Any:
        """Run the hooks before the view, until one of them answers."""
        if self.url_value_preprocessors:
            return super().preprocess_request()
        for hook in self.hooks_of(_cv_request.get().request)[0]:
            answer = hook()
            if answer is not None:
                return answer
        return None

    def process_response(self, response: flask.Response) -> flask.Response:
        """Run the hooks after the view."""
        context = _cv_request.get()
        hooks: tuple[Hook, ...] = (*context._after_request_functions, *self.hooks_of(context.request)[1])
        for hook in hooks:
            response = hook(response)
        return response

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Every hook and view is a plain function already."""
        return func


class LeanApp(LeanFlask, ServingApp):
    """The service's application on the lean classes."""
