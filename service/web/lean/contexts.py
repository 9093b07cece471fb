"""Flask's two contexts of a request, without a URL adapter made each time and without signals that nobody awaits."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

import flask
from flask.ctx import AppContext, RequestContext
from flask.globals import _cv_app, _cv_request
from werkzeug.routing import MapAdapter

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def has_no_listeners(app: flask.Flask) -> bool:
    """Whether nothing was asked to run when a context comes or goes."""
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
        """What ``url_for`` asks outside a request."""
        return self.app.create_url_adapter(None)


class LeanContext(RequestContext):
    """A request context that matches a route without variables by one look-up and builds its URL adapter when asked."""

    def __init__(self, app: Any, environ: "WSGIEnvironment", request: Any = None, session: Any = None) -> None:
        self.app = app
        self.request = app.request_class(environ) if request is None else request
        self.flashes = None
        self._session = app.session_interface.open_session(app, self.request) if session is None else session
        self._after_request_functions = []
        self._cv_tokens = []
        self._lean = False

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
        self._lean = has_no_listeners(self.app)
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
        """Flask's own, in its order, without what nobody waits for."""
        if len(self._cv_tokens) != 1 or _cv_request.get() is not self or not self._lean:
            super().pop(*exc)
            return
        token, app_context = self._cv_tokens.pop()
        self.request.close()
        _cv_request.reset(token)
        self.request.environ["werkzeug.request"] = None
        if app_context is not None:
            _cv_app.reset(app_context._cv_tokens.pop())
