"""Turns every error into an answer in the shape of the route, never a traceback, never the input.

The service's own routes answer RFC 9457 problem details; those of another protocol say in their ``Operation`` how it
tells of errors.
"""

from typing import Any

from flask import Flask, Response
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed as WrongMethod
from werkzeug.routing import RequestRedirect

from schemas.errors import INTERNAL_ERROR, MethodNotAllowed, NotFound, ServiceError
from schemas.errors_by_status import error_class
from service import log
from service.web.lean import current


def register(app: Flask) -> None:
    """Send every error to this module."""
    app.register_error_handler(ServiceError, answer)
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(Exception, _answer_internal_error)


def answer(exc: ServiceError) -> Response:
    """The document of one of our own errors."""
    app, request = current()
    shape = app.error_shape(request)
    body = shape.body(exc, request.request_id)
    response = Response(body, shape.status(type(exc)), content_type=shape.media_type)
    response.headers.extend(exc.headers)
    return response


def _answer_http(exc: HTTPException) -> Any:
    """Answer what Flask and Werkzeug refuse in the same form."""
    if isinstance(exc, RequestRedirect):
        return exc
    if exc.code == 404 and current()[1].environ.get("PATH_INFO") == "*":
        # OPTIONS * asks about the server, not about a route (RFC 9110, 9.3.7); no other method may have an asterisk
        response = Response(status=204, headers={"Allow": "GET, HEAD, OPTIONS, POST"})
        del response.headers["Content-Type"]
        return response
    if exc.code == 404:
        return answer(NotFound("There is no such route; GET / lists those there are."))
    if isinstance(exc, WrongMethod):
        allowed = ", ".join(sorted(exc.valid_methods or ()))
        return answer(MethodNotAllowed(f"This route answers {allowed}.", {"Allow": allowed}))
    return answer(error_class(exc.code or 500, exc.name)(exc.name))


def _answer_internal_error(exc: Exception) -> Response:
    _, request = current()
    log.error("error", request_id=request.request_id, path=request.path, exc_info=True)
    return answer(ServiceError(INTERNAL_ERROR))
