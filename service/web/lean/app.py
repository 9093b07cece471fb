"""Flask without the fixed costs of what this service does not use; its dispatch and its hooks are Flask's own.

Left out: sessions, ``async def`` views (refused when registered), a URL adapter built per request (it is built when
somebody asks for it), the second matching of a route without variables. Everything else is inherited. Rules are not
matched by host or subdomain.
"""

from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

import flask
from flask import Flask
from flask.globals import _cv_request
from flask.sessions import NullSession, SessionInterface
from werkzeug.routing import Rule

from service.web.json import OrjsonProvider
from service.web.lean.contexts import LeanContext
from service.web.lean.messages import Request, Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

Hook = Callable[..., Any]

__all__ = ["LeanFlask", "Request", "Response"]


def request_context() -> Any:
    """The context of the request that this thread handles, without a proxy in between."""
    return _cv_request.get()


class NoSession(SessionInterface):
    """No cookie is read, made or looked for; ``flask.session`` says that there is none."""

    _session = NullSession()

    def open_session(self, app: Flask, request: Any) -> NullSession:
        """The one empty session of everybody."""
        return self._session

    def is_null_session(self, obj: object) -> bool:
        """Nothing is ever saved."""
        return True


class LeanFlask(Flask):
    """A Flask application for synchronous views without sessions."""

    request_class = Request
    response_class = Response
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
        """What runs before and after the request, in Flask's order; collected once an endpoint."""
        found = self._hooks.get(request.endpoint)
        if found is None:
            inwards = (None, *reversed(request.blueprints))
            before = tuple(hook for name in inwards for hook in self.before_request_funcs.get(name, ()))
            after = tuple(hook for name in inwards for hook in self.after_request_funcs.get(name, ()))
            found = self._hooks[request.endpoint] = before, after[::-1]
        return found

    def preprocess_request(self) -> Any:
        """Run what comes before the view, until something answers."""
        if self.url_value_preprocessors:
            return super().preprocess_request()
        for hook in self.hooks_of(_cv_request.get().request)[0]:
            answer = hook()
            if answer is not None:
                return answer
        return None

    def process_response(self, response: flask.Response) -> flask.Response:
        """Run what comes after the view."""
        context = _cv_request.get()
        hooks: tuple[Hook, ...] = (*context._after_request_functions, *self.hooks_of(context.request)[1])
        for hook in hooks:
            response = hook(response)
        return response

    def make_default_options_response(self) -> flask.Response:
        """The methods in ``Allow``; an answer without a body has no type either."""
        response = super().make_default_options_response()
        del response.headers["Content-Type"]
        return response

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Every hook and view is a plain function: nothing to look into."""
        return func
