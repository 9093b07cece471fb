"""The prediction service: read, choose, predict, record, serialise.

It needs no request of Flask's: a view, another protocol or a tool passes the models, the recorder and the facts of the
request. The record is written before the answer is returned, so nobody gets an answer without a record.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import isfinite
from typing import Any, Protocol

import numpy as np
import orjson

from inference.engines.base import Answers, Label
from inference.features import Matrix
from inference.timestamps import isoformat_unix
from schemas.errors import MOST_ERRORS, InvalidInput, ServiceError
from schemas.reader import WHOLE, field_names
from service import log, metrics
from service.models.model import Model
from service.models.serving import ModelSet
from service.records import Record
from service.records.recorder import Recorder
from service.web.tracing import new_id

NOT_FINITE = "The model has no finite number for this row: its numbers are too far from those it learned from."


class RequestFacts(Protocol):
    """What a record and a log line say of a request. ``ServingRequest`` explains each."""

    request_id: str
    started: float
    client: str
    remote_addr: str | None
    phases: dict[str, float] | None
    events: tuple[tuple[str, dict[str, Any]], ...]


@dataclass(slots=True)
class Prediction:
    """Recorded answers and the model that gave them; how long the engine and the recording took, in seconds."""

    model: Model
    record: Record
    predict_seconds: float = 0.0
    record_seconds: float = 0.0

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
) -> Answer:
    """Answer a body by the version that is named, or by the one that routing chooses.

    ``body`` is called after the version is chosen: an unknown version is refused before a bad body.

    Raises:
        NotReady, UnknownVersion, InvalidInput, and what ``body`` and ``read`` raise.
    """
    model, role = models.choose(version)
    received = body()
    began = time.perf_counter()
    rows = _read(read, model, received)
    validated = time.perf_counter()
    prediction = predict_and_record(model, role, rows, request, recorder, batch)
    recorded = time.perf_counter()
    content = serialise(prediction)
    validate, write = validated - began, time.perf_counter() - recorded
    metrics.phases(model.version, validate, prediction.predict_seconds, write)
    if request.phases is not None:
        request.phases |= {"validate": validate, "predict": prediction.predict_seconds}
        request.phases |= {"record": prediction.record_seconds, "serialise": write}
    shadow = None
    if models.shadow is not None and version is None:
        shadow = partial(shadow_predict, models.shadow, read, received, prediction.record, recorder)
    return Answer(prediction, content, shadow)


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
    if answers.chosen is None:
        _require_finite(predictions, batch)
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
    request.events = (("prediction_made", _log_fields(record, request)),)
    return Prediction(model, record, predicted - began, recorded - predicted)


def shadow_predict(shadow: Model, read: Read, body: bytes, answered: Record, recorder: Recorder) -> None:
    """Answer the same body by the shadow version and record it under the prediction's id. Never raises.

    The latency of this record is the engine's own.
    """
    try:
        rows = read(shadow, body)
        began = time.perf_counter()
        answers = shadow.engine.predict(rows)
        record = replace(
            answered,
            model_version=shadow.version,
            role="shadow",
            contract=shadow.manifest.contract,
            rows=rows,
            answers=answers,
            latency_ms=(time.perf_counter() - began) * 1000,
            classes=shadow.manifest.classes,
        )
        recorder.append(record)
    except ServiceError as exc:  # a shadow may have another contract
        log.warning("shadow_refused", model_version=shadow.version, request_id=answered.request_id, reason=exc.detail)
    except Exception:  # the client has its answer already
        log.error("shadow_failed", model_version=shadow.version, request_id=answered.request_id, exc_info=True)


def read_row(model: Model, body: bytes) -> Matrix:
    """The one row of a flat JSON object."""
    return model.reader.row(body)


def read_batch(model: Model, body: bytes) -> Matrix:
    """The rows under ``instances``."""
    return model.reader.batch(body)


def serialise_row(prediction: Prediction) -> bytes:
    """The answer to one row: prediction, probability where the model has one, and the facts."""
    return orjson.dumps(_outcome(prediction.record.answers) | prediction.facts)


def serialise_batch(prediction: Prediction) -> bytes:
    """The answers to many rows, in their order."""
    answers = prediction.record.answers
    facts = orjson.dumps({"count": len(answers.predictions)} | prediction.facts)
    return b'{"predictions":%b,%b' % (serialise_rows(answers, prediction.record.classes), facts[1:])


def serialise_rows(answers: Answers, classes: Sequence[Label]) -> bytes:
    """A JSON array with an object for each row.

    The text of a class is written once, and all probabilities by one call: half the time of an object for each row.
    """
    if answers.probabilities is None or answers.chosen is None:
        return orjson.dumps([{"prediction": prediction} for prediction in answers.predictions])
    chosen: list[int] = answers.chosen.tolist()
    probabilities = answers.probabilities[np.arange(len(chosen)), answers.chosen]
    of_class = {index: b'},{"prediction":%b,"probability":' % orjson.dumps(classes[index]) for index in set(chosen)}
    pieces = [b""] * (2 * len(chosen))
    pieces[::2] = map(of_class.__getitem__, chosen)
    pieces[1::2] = orjson.dumps(probabilities, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",")
    return b"[%b}]" % b"".join(pieces)[2:]


def _outcome(answers: Answers) -> dict[str, Any]:
    (prediction,) = answers.predictions
    if answers.probabilities is None or answers.chosen is None:
        return {"prediction": prediction}
    return {"prediction": prediction, "probability": answers.probabilities.item(0, answers.chosen.item())}


def _read(read: Read, model: Model, body: bytes) -> Matrix:
    try:
        return read(model, body)
    except InvalidInput as exc:
        known = model.manifest.contract.names
        metrics.invalid([name if name in known else "unknown" for name in field_names(exc)])
        raise


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


def _require_finite(predictions: Sequence[float], batch: bool) -> None:
    """Refuse rows whose prediction is infinite or NaN, which JSON cannot say; an exponential may give one."""
    if all(map(isfinite, predictions)):
        return
    rows = [row for row, number in enumerate(predictions) if not isfinite(number)]
    metrics.invalid(["unknown"])
    keys = [f"instances.{row}" for row in rows[:MOST_ERRORS]] if batch else [WHOLE]
    raise InvalidInput({key: [NOT_FINITE] for key in keys}, len(rows))
