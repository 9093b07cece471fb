"""The one place where an error becomes an answer: RFC 9457 problem details, never a traceback, never the input."""

from typing import Any

import orjson
from flask import Flask, Response
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed as WrongMethod
from werkzeug.routing import RequestRedirect

from service.errors import FAULT, InvalidInput, MethodNotAllowed, NotFound, ServiceError
from service.telemetry import log
from service.web.context import current

PROBLEM = "application/problem+json"


def register(app: Flask) -> None:
    """Every error ends here."""
    app.register_error_handler(ServiceError, answer)
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(Exception, _answer_fault)


def answer(fault: ServiceError) -> Response:
    """The problem document of one of our own errors."""
    _, request = current()
    document: dict[str, Any] = {
        "type": fault.urn(),
        "title": fault.title,
        "status": fault.status,
        "detail": fault.detail,
        "request_id": request.request_id,
    }
    if isinstance(fault, InvalidInput):
        document |= {"errors": fault.errors, "errors_total": fault.total}
    response = Response(orjson.dumps(document), fault.status, content_type=PROBLEM)
    response.headers.extend(fault.headers)
    return response


def _answer_http(fault: HTTPException) -> Any:
    """Flask's and Werkzeug's own refusals, in our shape."""
    if isinstance(fault, RequestRedirect):
        return fault
    if fault.code == 404:
        return answer(NotFound("There is no such route; GET / lists those there are."))
    if isinstance(fault, WrongMethod):
        allowed = ", ".join(sorted(fault.valid_methods or ()))
        return answer(MethodNotAllowed(f"This route answers {allowed}.", {"Allow": allowed}))
    slug = fault.name.lower().replace(" ", "-")
    other = type(fault.name, (ServiceError,), {"status": fault.code or 500, "type": slug, "title": fault.name})
    return answer(other(fault.name))


def _answer_fault(fault: Exception) -> Response:
    _, request = current()
    log.error("error", request_id=request.request_id, path=request.path, exc_info=True)
    return answer(ServiceError(FAULT))
