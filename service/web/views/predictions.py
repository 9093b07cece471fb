"""POST /predict and POST /predict/batch."""

from typing import Any

import orjson
from flask import Blueprint

from schemas.answers import BatchAnswer, PredictionAnswer
from schemas.errors import (
    BodyTooLarge,
    InvalidInput,
    MalformedBody,
    NotReady,
    TooManyRequests,
    UnknownVersion,
    UnsupportedMediaType,
)
from schemas.reader import Reader
from service.web.asking import Answered, answers
from service.web.lean.messages import Response
from service.web.operation import Operation, operation
from service.web.outcomes import outcome, outcomes

predictions = Blueprint("predictions", __name__)

FAILS = (UnknownVersion, TooManyRequests, NotReady, BodyTooLarge, UnsupportedMediaType, MalformedBody, InvalidInput)
QUERY = {"model_version": "A loaded version to ask instead of the one that routing chooses."}


@predictions.post("/predict")
@operation(
    Operation("Predict one row", "predictions", {200: PredictionAnswer}, "row", FAILS, scope="predict", query=QUERY)
)
@answers(Reader.row)
def predict(answered: Answered) -> Response:
    """Answer one row."""
    return Response.ready(orjson.dumps(outcome(answered.record.answers) | _facts(answered)))


@predictions.post("/predict/batch")
@operation(
    Operation("Predict many rows", "predictions", {200: BatchAnswer}, "batch", FAILS, scope="predict", query=QUERY)
)
@answers(Reader.batch)
def predict_batch(answered: Answered) -> Response:
    """Answer many rows in their order, all or none, by one version."""
    record = answered.record
    rows = outcomes(record.answers, record.classes)
    facts = orjson.dumps({"count": len(record.answers.predictions)} | _facts(answered))
    return Response.ready(b'{"predictions":[%b],%b' % (rows, facts[1:]))


def _facts(answered: Answered) -> dict[str, Any]:
    return {
        "model_version": answered.model.version,
        "timestamp": answered.timestamp,
        "prediction_id": answered.record.prediction_id,
    }
