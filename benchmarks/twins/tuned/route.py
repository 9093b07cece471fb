"""FastAPI's route without what a handler that reads the request itself does not need: its documented extension point.

See "Custom Request and APIRoute class" in FastAPI's documentation. Left out are dependency solving, response models,
the exit stacks that close what dependencies and uploads opened, and a second net for exceptions below that of the
application; the route table, the exception handlers and the OpenAPI document are FastAPI's own.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

Endpoint = Callable[[Request], Coroutine[Any, Any, Response]]


class LeanRoute(APIRoute):
    """Calls an ``async def`` endpoint that takes the request and returns a Response."""

    def __init__(self, path: str, endpoint: Endpoint, **options: Any) -> None:
        super().__init__(path, endpoint, **options)

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            response = await endpoint(Request(scope, receive, send))
            await response(scope, receive, send)

        self.app = answer
