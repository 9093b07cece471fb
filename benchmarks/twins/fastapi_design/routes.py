"""The service of the FastAPI design. ``FASTAPI_DESIGN_LOAD=request`` loads the model on each request, to compare."""

import logging
import os
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import numpy as np
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel
from slowapi import Limiter, _rate_limit_exceeded_handler
from slowapi.errors import RateLimitExceeded
from slowapi.util import get_remote_address

from benchmarks.twins.fastapi_design.monitoring import elapsed_ms, store_prediction, structured
from benchmarks.twins.fastapi_design.pipeline import Loaded, load_model_and_artifacts
from benchmarks.twins.loading import close_worker, load_manifest, open_worker
from benchmarks.twins.schema import design_row
from benchmarks.twins.tuned.access import known_clients, verified
from service import metrics
from service.settings import Settings

settings = Settings.read(os.environ)
per_request = os.environ.get("FASTAPI_DESIGN_LOAD") == "request"
clients = known_clients(settings.api_tokens_file)
logger = logging.getLogger("serve")
loaded: dict[str, Loaded] = {}


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Load model and artifacts once."""
    app.state.records = open_worker(settings)
    structured(logger)
    loaded["model"] = load_model_and_artifacts(settings)
    yield
    logger.info("Shutting down...")
    close_worker()


PredictionInput: Any = design_row(load_manifest(settings)[1].contract)


class BatchPredictionInput(BaseModel):
    """Several instances."""

    instances: list[PredictionInput]


app = FastAPI(title="ML Model API", lifespan=lifespan)
limiter = Limiter(key_func=get_remote_address)
app.state.limiter = limiter
# As slowapi's documentation has it; Starlette's types ask for a handler of any exception.
app.add_exception_handler(RateLimitExceeded, _rate_limit_exceeded_handler)  # type: ignore[arg-type]  # as slowapi says
security = HTTPBearer(auto_error=bool(clients))


@app.middleware("http")
async def add_request_id(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Request id, and the request's time."""
    started = time.perf_counter()
    request.state.request_id = request_id = str(uuid.uuid4())
    request.state.started = started
    metrics.began()
    response = await call_next(request)
    response.headers["X-Request-ID"] = request_id
    seconds = time.perf_counter() - started
    route = getattr(request.scope.get("route"), "path", "unmatched")
    metrics.answered(route, request.method, response.status_code, seconds)
    return response


def limited(function: Any) -> Any:
    """``@limiter.limit`` where a limit is set."""
    return limiter.limit(str(settings.rate_limit))(function) if settings.rate_limit else function


def current_model() -> Loaded:
    """The model that the lifespan loaded; or a fresh one on every request, to measure what that costs."""
    return load_model_and_artifacts(settings) if per_request else loaded["model"]


def authorised(token: Annotated[HTTPAuthorizationCredentials | None, Depends(security)]) -> str:
    """The client's name."""
    if not clients:
        return ""
    name = verified(clients, token.credentials if token else "")
    if name is None:
        raise HTTPException(401, "Invalid token")
    return name


@app.get("/")
async def root() -> dict[str, Any]:
    """API information and available endpoints."""
    return {"message": app.title, "endpoints": ["/health", "/model/info", "/predict", "/predict/batch", "/docs"]}


@app.get("/health")
async def health_check() -> dict[str, Any]:
    """Status, model loaded, accuracy."""
    manifest = loaded["model"].manifest
    return {"status": "healthy", "model_loaded": True, "model_accuracy": manifest.metrics.get("accuracy")}


@app.get("/model/info")
async def model_info() -> dict[str, Any]:
    """Model metadata."""
    manifest = loaded["model"].manifest
    return {
        "algorithm": manifest.algorithm,
        "hyperparameters": manifest.hyperparameters,
        "metrics": manifest.metrics,
        "training": manifest.training,
    }


@app.post("/predict")
@limited
async def predict(
    request: Request, input_data: PredictionInput, client: Annotated[str, Depends(authorised)]
) -> dict[str, Any]:
    """Single prediction."""
    model = current_model()
    answer = _predict_one(request, model, input_data, client)
    return {**answer, "model_version": model.manifest.version, "timestamp": datetime.now(UTC).isoformat()}


@app.post("/predict/batch")
@limited
async def predict_batch(
    request: Request, input_data: BatchPredictionInput, client: Annotated[str, Depends(authorised)]
) -> dict[str, Any]:
    """Batch prediction."""
    model = current_model()
    predictions = []
    for instance in input_data.instances:
        predictions.append(_predict_one(request, model, instance, client))
    return {
        "predictions": predictions,
        "count": len(predictions),
        "model_version": model.manifest.version,
        "timestamp": datetime.now(UTC).isoformat(),
    }


def _predict_one(request: Request, model: Loaded, instance: Any, client: str) -> dict[str, Any]:
    values = instance.model_dump(by_alias=True)
    prediction, probabilities = model.predict(values)
    address = request.client.host if request.client else ""
    store_prediction(request, model, values, prediction, probabilities, client or address)
    logger.info(
        "prediction_made",
        extra={
            "request_id": request.state.request_id,
            "model_version": model.manifest.version,
            "prediction": prediction,
            "latency_ms": elapsed_ms(request),
            "client_ip": address,
        },
    )
    if probabilities is None:
        return {"prediction": prediction}
    return {"prediction": prediction, "probability": float(np.max(probabilities))}
