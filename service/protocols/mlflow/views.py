"""POST /invocations, GET /ping and GET /version."""

import orjson
from flask import Blueprint, Response

from inference.features import Matrix
from schemas.errors import (
    BodyTooLarge,
    InvalidInput,
    MalformedBody,
    NotReady,
    UnknownVersion,
    UnsupportedMediaType,
)
from schemas.protocol_answers import MLFLOW_ERRORS, InvocationAnswer, InvocationSchema
from service import __version__
from service.models.model import Model
from service.protocols.mlflow.forms import read_json
from service.protocols.predicting import predict
from service.web import formats
from service.web.context import is_json
from service.web.lean import current
from service.web.operation import Operation, operation
from service.web.prediction import Prediction

mlflow = Blueprint("mlflow", __name__)

TEXT = "text/plain"
INVOKE = Operation(
    "Predict rows of a data frame",
    "mlflow",
    {200: InvocationAnswer},
    takes=InvocationSchema,
    also_takes=formats.BODIES,
    fails=(UnknownVersion, NotReady, BodyTooLarge, UnsupportedMediaType, MalformedBody, InvalidInput),
    query={"model_version": "A loaded version to ask instead of the one that routing chooses."},
    errors=MLFLOW_ERRORS,
    example=lambda row: {"dataframe_split": {"columns": list(row), "data": [list(row.values())]}},
    scope="predict",
    limited=True,
    batch=True,
)


@mlflow.post("/invocations")
@operation(INVOKE)
def invocations() -> Response:
    """Answer rows in their order, all or none, by one version."""
    app, request = current()
    version = request.args.get("model_version") if request.environ.get("QUERY_STRING") else None
    most_rows = app.settings.max_batch_rows

    most_bytes = app.settings.max_body_bytes
    content_type = request.environ.get("CONTENT_TYPE", "")

    def read(model: Model, body: bytes) -> Matrix:
        if is_json(content_type):
            return read_json(model, body, most_rows)
        return formats.reader_for(content_type, most_bytes)(model, body)

    return predict(version, lambda: request.typed_body(most_bytes, formats.is_batch, formats.ADVICE), read, _serialise)


@mlflow.get("/ping")
@operation(
    Operation(
        "Whether to send traffic here", "mlflow", {200: None, 503: None}, media=TEXT, errors=MLFLOW_ERRORS, scope=None
    )
)
def ping() -> Response:
    """Readiness by its status, without a body."""
    is_ready = current()[0].models.now.stable is not None
    response = Response(status=200 if is_ready else 503, content_type=TEXT, headers={"Cache-Control": "no-store"})
    if not is_ready:
        response.headers["Retry-After"] = "5"
    return response


@mlflow.get("/version")
@operation(
    Operation("The version of this service", "mlflow", {200: None}, media=TEXT, errors=MLFLOW_ERRORS, scope=None)
)
def version() -> Response:
    """The version as text."""
    return Response(__version__, content_type=TEXT)


def _serialise(prediction: Prediction) -> bytes:
    return orjson.dumps({"predictions": prediction.record.answers.predictions})
