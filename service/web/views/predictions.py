"""POST /predict and POST /predict/batch."""

from typing import Any

from flask import Blueprint, Response
from marshmallow import fields, validate
from marshmallow.fields import Field

from schemas.answers import BatchAnswer, PredictionAnswer
from schemas.errors import (
    BodyTooLarge,
    InvalidHeader,
    InvalidInput,
    MalformedBody,
    NotReady,
    UnknownVersion,
    UnsupportedMediaType,
)
from schemas.serialise import PROBABILITIES
from service.web.lean import current
from service.web.operation import Operation, operation
from service.web.prediction import (
    MAX_CLIENT_KEY,
    Read,
    Serialise,
    answer,
    read_batch,
    read_row,
    serialise_batch,
    serialise_row,
)

predictions = Blueprint("predictions", __name__)

MODEL_VERSION = "X-Model-Version"
FAILS = (UnknownVersion, NotReady, BodyTooLarge, UnsupportedMediaType, InvalidHeader, MalformedBody, InvalidInput)
QUERY: dict[str, str | Field[Any]] = {
    "model_version": "A loaded version to ask instead of the one that routing chooses.",
    PROBABILITIES: fields.String(
        validate=validate.OneOf(["true", "false"]),
        metadata={
            "description": "true adds the probabilities of all classes, in the order of `classes`; 422 where the model "
            "has none.",
        },
    ),
}
HEADERS: dict[str, str | Field[Any]] = {
    "X-Client-Key": fields.String(
        validate=validate.Length(max=MAX_CLIENT_KEY),
        metadata={
            "description": "Any name of the user behind the request: while a canary is tried, requests with the same "
            "key are answered by the same version. Without it, or empty, the version is drawn for each request.",
        },
    )
}
ROW = Operation(
    "Predict one row",
    "predictions",
    {200: PredictionAnswer},
    takes="row",
    fails=FAILS,
    query=QUERY,
    headers=HEADERS,
    scope="predict",
    limited=True,
)
BATCH = Operation(
    "Predict many rows",
    "predictions",
    {200: BatchAnswer},
    takes="batch",
    fails=FAILS,
    query=QUERY,
    headers=HEADERS,
    scope="predict",
    limited=True,
    batch=True,
)


@predictions.post("/predict")
@operation(ROW)
def predict() -> Response:
    """Answer one row."""
    return _answer(ROW, read_row, serialise_row)


@predictions.post("/predict/batch")
@operation(BATCH)
def predict_batch() -> Response:
    """Answer many rows in their order, all or none, by one version."""
    return _answer(BATCH, read_batch, serialise_batch)


def _answer(operation: Operation, read: Read, serialise: Serialise) -> Response:
    app, request = current()
    version = probabilities = None
    if request.environ.get("QUERY_STRING"):
        version, probabilities = request.args.get("model_version"), request.args.get(PROBABILITIES)
    answered = answer(
        app.models.now,
        version,
        lambda: request.json_body(app.settings.max_body_bytes),
        read,
        serialise,
        request,
        app.records,
        operation.batch,
        probabilities,
    )
    response = app.response_class.ready(answered.content)
    response.stamp(MODEL_VERSION, answered.prediction.record.model_version)
    if answered.shadow is not None:
        response.call_on_close(answered.shadow)
    return response
