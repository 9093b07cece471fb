"""The tuned twin: FastAPI's own routes and documents, one dispatch, no work in between that a request does not need."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.routing import Route

from benchmarks.twins.loading import close_worker, load_manifest, open_worker, settle
from benchmarks.twins.schema import batch_adapter, row_adapter
from benchmarks.twins.tuned import problems
from benchmarks.twins.tuned.access import Access
from benchmarks.twins.tuned.body import read_json
from benchmarks.twins.tuned.lean_fastapi import Answer, LeanApp, LeanRoute
from benchmarks.twins.tuned.predictor import Model
from schemas import errors
from service import metrics
from service.settings import Settings

settings = Settings.read(os.environ)
access = Access(settings)
models: dict[str, Model] = {}
JSON = "application/json"
READING = ["GET", "HEAD"]


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Load once, before the first request."""
    models["stable"] = Model(settings, open_worker(settings))
    settle()
    yield
    close_worker()


app = LeanApp(
    title="Tabular model service, FastAPI twin",
    lifespan=lifespan,
    redirect_slashes=False,
    openapi_url=None,  # set below, after the busy routes: the router tries its routes in turn
    telemetry={"tracing": False, "metrics": False, "logs": False},  # Observability instead
)
app.router.route_class = LeanRoute


def _model(request: Request) -> Model:
    model = models["stable"]
    if b"model_version" in request.scope["query_string"]:
        wanted = request.query_params.get("model_version")
        if wanted is not None and wanted != model.version:
            raise errors.UnknownVersion("No such version is loaded.")
    return model


def _body(schema: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {JSON: {"schema": schema}}}}


_contract = load_manifest(settings)[1].contract


async def predict(request: Request) -> Response:
    """One row, in the event loop: the engine is faster than a hop to a thread."""
    if not access.idle:
        access.check(request)
    model = _model(request)
    body = await read_json(request, settings.max_body_bytes)
    return Answer(model.predict(body, request.scope), model.headers)


async def predict_batch(request: Request) -> Response:
    """Rows at once: one validation, one matrix, one call of the engine."""
    if not access.idle:
        access.check(request)
    model = _model(request)
    body = await read_json(request, settings.max_body_bytes)
    if isinstance(body, dict) and isinstance(body.get("instances"), list):
        rows = len(body["instances"])
        if rows > settings.max_batch_rows:
            reasons = [f"{rows} rows, at most {settings.max_batch_rows} are allowed."]
            raise errors.InvalidInput({"instances": reasons}, 1)
    return Answer(model.predict_batch(body, request.scope), model.headers)


for path, endpoint, adapter in (("/predict", predict, row_adapter), ("/predict/batch", predict_batch, batch_adapter)):
    app.router.add_api_route(
        path,
        endpoint,
        methods=["POST"],
        openapi_extra=_body(adapter(_contract).json_schema()),
        response_model=None,
    )


@app.api_route("/", methods=READING)
async def index(_request: Request) -> Response:
    """What this service offers."""
    routes = {
        route.path: getattr(route, "summary", None) or route.name for route in app.routes if isinstance(route, Route)
    }
    version = models["stable"].version
    return _json({"service": app.title, "version": app.version, "model_version": version, "routes": routes})


@app.api_route("/health", methods=READING)
@app.api_route("/health/live", methods=READING)
@app.api_route("/health/ready", methods=READING)
async def health(_request: Request) -> Response:
    """Ready for traffic: a twin without its model does not start."""
    manifest = models["stable"].manifest
    return _json(
        {
            "status": "healthy",
            "model_loaded": True,
            "model_version": manifest.version,
            "model_accuracy": manifest.metrics.get("accuracy"),
            "model_metric": manifest.metric,
        }
    )


@app.api_route("/metrics", methods=READING)
async def metrics_text(request: Request) -> Response:
    """For Prometheus, made in a thread: predictions do not wait for it."""
    access.identify(request)
    text = await run_in_threadpool(metrics.exposition)
    return Response(text, media_type="text/plain; version=0.0.4")


@app.api_route("/model/info", methods=READING)
async def model_info(request: Request) -> Response:
    """The manifest of the model."""
    access.identify(request)
    return _json(models["stable"].manifest.to_json())


@app.exception_handler(errors.ServiceError)
async def on_service_error(request: Request, exc: errors.ServiceError) -> Response:
    """Every error that a route raises."""
    return problems.answer(exc, request.scope["request_id"])


@app.exception_handler(HTTPException)
async def on_http_exception(request: Request, exc: HTTPException) -> Response:
    """404 and 405 by the router."""
    kind = errors.MethodNotAllowed if exc.status_code == 405 else errors.NotFound
    return problems.answer(kind("There is no such route here.", exc.headers), request.scope["request_id"])


def _json(document: dict[str, Any]) -> Response:
    return Answer(orjson.dumps(document), [(b"content-type", JSON.encode())])


app.openapi_url = "/openapi.json"
app.setup()
