"""FastAPI with one middleware of ours around its router, in the place of six."""

from fastapi import FastAPI
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.types import ASGIApp

from benchmarks.twins.tuned.observability import Observability


class Service(FastAPI):
    """Left out: a second net for errors, telemetry and body limits that are off, and a stack for uploaded files."""

    def build_middleware_stack(self) -> ASGIApp:
        """Observability, which answers what nobody caught; then the exception handlers; then the router."""
        return Observability(ExceptionMiddleware(self.router, handlers=self.exception_handlers))
