"""POST /predict and POST /predict/batch."""

from typing import Any

import orjson
from flask import Blueprint

from schemas.answers import BatchAnswer, PredictionAnswer
from schemas.reader import Reader
from service.errors import (
    BodyTooLarge,
    InvalidInput,
    MalformedBody,
    NotReady,
    TooManyRequests,
    UnknownVersion,
    UnsupportedMediaType,
)
from service.web.asking import Answered, answers
from service.web.messages import Response
from service.web.operation import Operation, operation

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
    return Response.ready(orjson.dumps(_outcomes(answered)[0] | _facts(answered)))


@predictions.post("/predict/batch")
@operation(
    Operation("Predict many rows", "predictions", {200: BatchAnswer}, "batch", FAILS, scope="predict", query=QUERY)
)
@answers(Reader.batch)
def predict_batch(answered: Answered) -> Response:
    """Answer many rows in their order, all or none, by one version."""
    outcomes = _outcomes(answered)
    document = {"predictions": outcomes, "count": len(outcomes)} | _facts(answered)
    return Response.ready(orjson.dumps(document))


def _outcomes(answered: Answered) -> list[dict[str, Any]]:
    """What is said of each row: the prediction, and its probability where the model has one."""
    found = answered.record.answers
    if found.probabilities is None or found.chosen is None:
        return [{"prediction": prediction} for prediction in found.predictions]
    if len(found.chosen) == 1:
        return [{"prediction": found.predictions[0], "probability": found.probabilities.item(0, found.chosen.item())}]
    likely = found.probabilities[range(len(found.chosen)), found.chosen].tolist()
    return [
        {"prediction": prediction, "probability": probability}
        for prediction, probability in zip(found.predictions, likely, strict=True)
    ]


def _facts(answered: Answered) -> dict[str, Any]:
    return {
        "model_version": answered.model.version,
        "timestamp": answered.timestamp,
        "prediction_id": answered.record.prediction_id,
    }
