"""The prediction service: read, choose, predict, record, serialise.

It needs no request of Flask's: a view, another protocol or a tool passes the models, the recorder and the facts of the
request. The record is written before the answer is returned, so nobody gets an answer without a record.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Protocol

import orjson

from inference.features import Matrix
from inference.open_columns import OpenMatrix, unseen_rows
from inference.timestamps import isoformat_unix
from schemas.errors import MOST_ERRORS, InvalidInput, ServiceError
from schemas.reader import field_names
from schemas.serialise import PROBABILITIES, not_finite, serialise_rows, wrong_parameter
from service import metrics
from service.models.model import Model
from service.models.serving import ModelSet
from service.records import Record
from service.records.recorder import Recorder
from service.web.canary import check_client_key, compare
from service.web.shadow import shadow_predict
from service.web.tracing import new_id


class RequestFacts(Protocol):
    """What a record and a log line say of a request. ``ServingRequest`` explains each."""

    request_id: str
    client_key: str
    started: float
    client: str
    remote_addr: str | None
    phases: dict[str, float] | None
    events: tuple[tuple[str, dict[str, Any]], ...]


@dataclass(slots=True)
class Prediction:
    """Recorded answers and the model that gave them; how long the engine and the recording took, in seconds.

    ``all_classes``: the answer shows the probabilities of all classes.
    """

    model: Model
    record: Record
    predict_seconds: float = 0.0
    record_seconds: float = 0.0
    all_classes: bool = False

    @property
    def facts(self) -> dict[str, str]:
        """The fields that an answer has once: version, time (UTC, ISO 8601, milliseconds) and id."""
        record, timestamp = self.record, isoformat_unix(self.record.time)
        return {"model_version": record.model_version, "timestamp": timestamp, "prediction_id": record.prediction_id}


Read = Callable[[Model, bytes], Matrix]
"""Reads a body into a matrix of shape (rows, features). Raises MalformedBody or InvalidInput."""
Serialise = Callable[[Prediction], bytes]


@dataclass(slots=True)
class Answer:
    """``content`` is the body to send. ``shadow``, if any, is to be called once it has been sent."""

    prediction: Prediction
    content: bytes
    shadow: Callable[[], None] | None


def answer(
    models: ModelSet,
    version: str | None,
    body: Callable[[], bytes],
    read: Read,
    serialise: Serialise,
    request: RequestFacts,
    recorder: Recorder,
    batch: bool = False,
    probabilities: str | None = None,
) -> Answer:
    """Answer a body by the version that is named, or by the one that routing chooses.

    ``body`` is called after the version is chosen: an unknown version is refused before a bad body.
    ``probabilities`` is the query parameter as it came, None where it did not.

    Raises:
        NotReady, UnknownVersion, InvalidHeader, InvalidInput, and what ``body`` and ``read`` raise.
    """
    model, role = models.choose(version, request.client_key)
    received = body()
    if request.client_key:
        check_client_key(request.client_key)
    compared = models.canary is not None and version is None
    if compared:
        metrics.canary_began(model.version)
    try:
        prediction, content = _answer_by(
            model, role, received, read, serialise, request, recorder, batch, probabilities
        )
    except Exception as exc:
        metrics.prediction_failed(model.version, role, exc.status if isinstance(exc, ServiceError) else 500)
        raise
    if compared:
        compare(model, prediction.record.answers, prediction.predict_seconds)
    shadow = None
    if models.shadow is not None and version is None:
        shadow = partial(shadow_predict, models.shadow, read, received, prediction.record, recorder)
    return Answer(prediction, content, shadow)


def _answer_by(
    model: Model,
    role: str,
    received: bytes,
    read: Read,
    serialise: Serialise,
    request: RequestFacts,
    recorder: Recorder,
    batch: bool,
    probabilities: str | None,
) -> tuple[Prediction, bytes]:
    """The prediction of the model that was chosen, and the body to send."""
    began = time.perf_counter()
    rows = _read(read, model, received, probabilities)
    validated = time.perf_counter()
    prediction = predict_and_record(model, role, rows, request, recorder, batch)
    recorded = time.perf_counter()
    prediction.all_classes = probabilities == "true"
    content = serialise(prediction)
    validate, write = validated - began, time.perf_counter() - recorded
    metrics.phases(model.version, role, validate, prediction.predict_seconds, write)
    if request.phases is not None:
        request.phases |= {"validate": validate, "predict": prediction.predict_seconds}
        request.phases |= {"record": prediction.record_seconds, "serialise": write}
    return prediction, content


def predict_and_record(
    model: Model, role: str, rows: Matrix, request: RequestFacts, recorder: Recorder, batch: bool = False
) -> Prediction:
    """Answer a matrix of shape (rows, features), record the answers, count them and note their log line.

    Raises:
        InvalidInput: a regression has no finite number for a row; the key is ``instances.<row>``, or $ without a batch.
    """
    began = time.perf_counter()
    answers = model.engine.predict(rows)
    predictions = answers.predictions
    if answers.chosen is None and (refusal := not_finite(predictions, batch)):
        metrics.invalid(["unknown"])
        raise refusal
    record = Record(
        prediction_id=new_id(),
        request_id=request.request_id,
        time=time.time(),
        model_version=model.version,
        role=role,
        contract=model.manifest.contract,
        rows=rows,
        answers=answers,
        latency_ms=(time.perf_counter() - request.started) * 1000,
        client=request.client,
        classes=model.manifest.classes,
    )
    predicted = time.perf_counter()
    recorder.append(record)
    recorded = time.perf_counter()
    metrics.prediction(model.version, predictions, answers.chosen is None)
    if batch:
        metrics.batch_rows(len(predictions))
    if type(rows) is OpenMatrix:
        for feature, unseen in unseen_rows(record.contract, rows):
            metrics.unseen_category(feature, unseen)
    request.events = (("prediction_made", _log_fields(record, request)),)
    return Prediction(model, record, predicted - began, recorded - predicted)


def read_row(model: Model, body: bytes) -> Matrix:
    """The one row of a flat JSON object."""
    return model.reader.row(body)


def read_batch(model: Model, body: bytes) -> Matrix:
    """The rows under ``instances``."""
    return model.reader.batch(body)


def serialise_row(prediction: Prediction) -> bytes:
    """The answer to one row: prediction, probability where the model has one, and the facts."""
    return orjson.dumps(_row_document(prediction.record, prediction.all_classes) | prediction.facts)


def serialise_batch(prediction: Prediction) -> bytes:
    """The answers to many rows, in their order."""
    answers, classes = prediction.record.answers, prediction.record.classes
    shared: dict[str, Any] = {"classes": classes} if prediction.all_classes else {}
    facts = orjson.dumps(shared | {"count": len(answers.predictions)} | prediction.facts)
    return b'{"predictions":%b,%b' % (serialise_rows(answers, classes, prediction.all_classes), facts[1:])


def _row_document(record: Record, all_classes: bool) -> dict[str, Any]:
    """One row's prediction, and its probability where the model has one; those of all classes if wanted."""
    answers = record.answers
    (prediction,) = answers.predictions
    if answers.probabilities is None or answers.chosen is None:
        return {"prediction": prediction}
    found = {"prediction": prediction, "probability": answers.probabilities.item(0, answers.chosen.item())}
    if all_classes:
        found |= {PROBABILITIES: answers.probabilities[0].tolist(), "classes": record.classes}
    return found


def _read(read: Read, model: Model, body: bytes, probabilities: str | None) -> Matrix:
    wrong = None if probabilities is None else wrong_parameter(model.version, model.has_probabilities, probabilities)
    try:
        rows = read(model, body)
        if wrong:
            raise InvalidInput({PROBABILITIES: [wrong]}, 1)
    except InvalidInput as exc:
        if wrong and PROBABILITIES not in exc.errors:
            others = dict(islice(exc.errors.items(), MOST_ERRORS - 1))
            exc = InvalidInput({PROBABILITIES: [wrong]} | others, exc.total + 1)
        known = model.manifest.contract.names
        metrics.invalid([name if name in known else "unknown" for name in field_names(exc)])
        raise exc from None
    return rows


def _log_fields(record: Record, request: RequestFacts) -> dict[str, Any]:
    predictions = record.answers.predictions
    return {
        "request_id": record.request_id,
        "prediction_id": record.prediction_id,
        "model_version": record.model_version,
        "prediction": predictions[0] if len(predictions) == 1 else None,
        "rows": len(predictions),
        "latency_ms": round(record.latency_ms, 3),
        "client_ip": request.remote_addr,
    }
