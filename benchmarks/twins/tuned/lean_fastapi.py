"""FastAPI's own classes without the work that these routes do not need."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from benchmarks.twins.tuned.observability import Observability

Endpoint = Callable[[Request], Coroutine[Any, Any, Response]]


class LeanApp(FastAPI):
    """FastAPI with one middleware of ours around its router, in the place of six.

    Left out: a second handler of errors, telemetry and body limits that are off, and a stack for uploaded files.
    """

    def build_middleware_stack(self) -> ASGIApp:
        """Observability, which also answers unexpected errors; then the exception handlers; then the router."""
        return Observability(ExceptionMiddleware(self.router, handlers=self.exception_handlers))


class LeanRoute(APIRoute):
    """Calls an ``async def`` endpoint that takes the request and returns a Response.

    See "Custom Request and APIRoute class" in FastAPI's documentation. Left out are dependency solving, response
    models, the exit stacks that close what dependencies and uploads opened, and a second handler of exceptions below
    that of the application. The route table, the exception handlers and the OpenAPI document are FastAPI's own.
    """

    def __init__(self, path: str, endpoint: Endpoint, **options: Any) -> None:
        super().__init__(path, endpoint, **options)

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            response = await endpoint(Request(scope, receive, send))
            await response(scope, receive, send)

        self.app = answer


class Answer(Response):
    """A 200 answer of known bytes. ``headers`` are raw pairs, Content-Type among them: encoded once, not a request."""

    def __init__(self, content: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        self.status_code = 200
        self.background = None
        self.body = content
        self.raw_headers = [*headers, (b"content-length", str(len(content)).encode())]
