"""The routes of the Open Inference Protocol V2, under /v2."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, jsonify
from marshmallow import Schema

from schemas.errors import (
    BodyTooLarge,
    InvalidInput,
    MalformedBody,
    NotFound,
    NotReady,
    ServiceError,
    UnknownVersion,
    UnsupportedMediaType,
)
from schemas.protocol_answers import (
    OIP_ERRORS,
    InferAnswer,
    InferRequestSchema,
    ModelMetadataAnswer,
    ModelReadyAnswer,
    ServerLiveAnswer,
    ServerMetadataAnswer,
    ServerReadyAnswer,
)
from service import NAME, __version__
from service.models.model import Model
from service.protocols.oip.request import HEADER_LENGTH, InferRequest
from service.protocols.oip.response import metadata, serialise
from service.protocols.oip.samples import infer_example
from service.protocols.predicting import predict
from service.web.context import is_json
from service.web.lean import current
from service.web.operation import Operation, Scope, View, operation
from service.web.prediction import Prediction

oip = Blueprint("oip", __name__, url_prefix="/v2")

BINARY = "application/octet-stream"
ADVICE = f"Send application/json, or {BINARY} with {HEADER_LENGTH}."
NO_STORE = {"Cache-Control": "no-store"}
PATH = {"name": "MODEL_NAME.", "version": "A loaded version, e.g. random_forest-1."}


def _reading(
    summary: str,
    answers: dict[int, type[Schema] | None],
    fails: tuple[type[ServiceError], ...] = (),
    scope: Scope | None = None,
) -> Callable[[View], View]:
    """The operation of a route that is only read."""
    return operation(
        Operation(summary, "oip", answers, fails=fails, path=PATH if fails else {}, errors=OIP_ERRORS, scope=scope)
    )


INFER = Operation(
    "Predict rows that come as tensors",
    "oip",
    {200: InferAnswer},
    takes=InferRequestSchema,
    also_takes=(BINARY,),
    also_answers=(BINARY,),
    also_means="The JSON, and behind it the bytes of the tensors that have `binary_data_size`, in their order. "
    f"{HEADER_LENGTH} is the length of the JSON.",
    fails=(NotFound, UnknownVersion, NotReady, BodyTooLarge, UnsupportedMediaType, MalformedBody, InvalidInput),
    path=PATH,
    errors=OIP_ERRORS,
    example=infer_example,
    scope="predict",
    limited=True,
    batch=True,
)


@oip.get("")
@_reading("The server and its extensions of the protocol", {200: ServerMetadataAnswer}, scope="observe")
def server_metadata() -> Response:
    """The name, the version and the extensions."""
    return jsonify({"name": NAME, "version": __version__, "extensions": ["binary_tensor_data"]})


@oip.get("/health/live")
@_reading("Whether the process answers at all", {200: ServerLiveAnswer})
def live() -> tuple[Response, dict[str, str]]:
    """For liveness probes."""
    return jsonify({"live": True}), NO_STORE


@oip.get("/health/ready")
@_reading("Whether to send traffic here", {200: ServerReadyAnswer, 503: ServerReadyAnswer})
def ready() -> tuple[Response, int, dict[str, str]]:
    """For readiness probes."""
    is_ready = current()[0].models.now.stable is not None
    return _readiness({"ready": is_ready}, is_ready)


@oip.get("/models/<name>/ready")
@oip.get("/models/<name>/versions/<version>/ready")
@_reading(
    "Whether the model can be asked", {200: ModelReadyAnswer, 503: ModelReadyAnswer}, fails=(NotFound, UnknownVersion)
)
def model_ready(name: str, version: str | None = None) -> tuple[Response, int, dict[str, str]]:
    """For clients that wait until the model is loaded; a version that is not loaded is 404."""
    _check(name)
    loaded = current()[0].models.now
    is_ready = loaded.stable is not None
    if is_ready and version is not None:
        loaded.choose(version)
    return _readiness({"name": name, "ready": is_ready}, is_ready)


@oip.get("/models/<name>")
@oip.get("/models/<name>/versions/<version>")
@_reading(
    "The tensors of the model",
    {200: ModelMetadataAnswer},
    fails=(NotFound, UnknownVersion, NotReady),
    scope="observe",
)
def model_metadata(name: str, version: str | None = None) -> Response:
    """What the model takes and answers; the stable version unless the path names another."""
    _check(name)
    loaded = current()[0].models.now
    model: Model | None = loaded.stable if version is None else None
    if model is None:
        model, _ = loaded.choose(version)
    platform = f"{NAME}_{model.engine.name}"
    return jsonify(metadata(name, platform, model, sorted(loaded.models)))


@oip.post("/models/<name>/infer")
@oip.post("/models/<name>/versions/<version>/infer")
@operation(INFER)
def infer(name: str, version: str | None = None) -> Response:
    """Answer rows in their order, all or none, by one version.

    The body is JSON, or JSON and the bytes of the tensors behind it; then `Inference-Header-Content-Length` is the
    length of the JSON. An answer with tensors in binary has the same form and the same header.
    """
    _check(name)
    app, request = current()
    asked = InferRequest(request.environ.get("HTTP_INFERENCE_HEADER_CONTENT_LENGTH"), app.settings.max_batch_rows)
    headers: dict[str, str] = {}

    def is_taken(content_type: str) -> bool:
        if not content_type or is_json(content_type):
            return True
        return asked.header_length is not None and content_type.partition(";")[0].strip().lower() == BINARY

    def write(prediction: Prediction) -> bytes:
        content, length = serialise(prediction, asked, name)
        if length is not None:
            headers.update({"Content-Type": BINARY, HEADER_LENGTH: str(length)})
        return content

    return predict(
        version,
        lambda: request.typed_body(app.settings.max_body_bytes, is_taken, ADVICE),
        asked.read,
        write,
        headers.items,
    )


def _check(name: str) -> None:
    served = current()[0].settings.model_name
    if name != served:
        raise NotFound(f"There is no model of this name; the model here is {served}.")


def _readiness(document: dict[str, Any], is_ready: bool) -> tuple[Response, int, dict[str, str]]:
    return jsonify(document), 200 if is_ready else 503, NO_STORE | ({} if is_ready else {"Retry-After": "5"})
