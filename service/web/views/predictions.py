"""POST /predict and POST /predict/batch."""

from collections.abc import Callable
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
from service.web import formats
from service.web.canary import MAX_CLIENT_KEY
from service.web.context import JSON, ServingApp, ServingRequest
from service.web.lean import current
from service.web.operation import Operation, operation
from service.web.prediction import Read, Serialise, answer, read_row, serialise_row

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
    also_takes=formats.BODIES,
    also_answers=formats.ANSWERS,
)


@predictions.post("/predict")
@operation(ROW)
def predict() -> Response:
    """Answer one row."""
    app, request = current()
    return _answer(app, request, lambda: request.json_body(app.settings.max_body_bytes), read_row, serialise_row)


@predictions.post("/predict/batch")
@operation(BATCH)
def predict_batch() -> Response:
    """Answer many rows in their order, all or none, by one version: in JSON or, where `Accept` asks for it, a table."""
    app, request = current()
    most = app.settings.max_body_bytes
    kind = formats.answer_kind(request.environ.get("HTTP_ACCEPT", ""))
    return _answer(
        app,
        request,
        lambda: request.typed_body(most, formats.is_batch, formats.ADVICE),
        formats.reader_for(request.environ.get("CONTENT_TYPE", ""), most),
        formats.serialiser_for(kind),
        batch=True,
        content_type=formats.content_type(kind),
    )


def _answer(
    app: ServingApp,
    request: ServingRequest,
    body: Callable[[], bytes],
    read: Read,
    serialise: Serialise,
    batch: bool = False,
    content_type: str = JSON,
) -> Response:
    version = probabilities = None
    if request.environ.get("QUERY_STRING"):
        version, probabilities = request.args.get("model_version"), request.args.get(PROBABILITIES)
    answered = answer(app.models.now, version, body, read, serialise, request, app.records, batch, probabilities)
    record = answered.prediction.record
    response = app.response_class.ready(answered.content, content_type=content_type)
    response.stamp(MODEL_VERSION, record.model_version)
    if content_type != JSON:  # a table has no place for it
        response.stamp(formats.PREDICTION_ID, record.prediction_id)
    if answered.shadow is not None:
        response.call_on_close(answered.shadow)
    return response
