"""FastAPI's route without what a handler that reads the request itself does not need: its documented extension point.

See "Custom Request and APIRoute class" in FastAPI's documentation. Left out are dependency solving and response
models; the route table, the exception handlers and the OpenAPI document are FastAPI's own.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute


class LeanRoute(APIRoute):
    """Calls an ``async def`` endpoint that takes the request and returns a Response."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The endpoint itself."""
        endpoint: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return endpoint
