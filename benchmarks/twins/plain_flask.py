"""The same service as in Flask's and Marshmallow's tutorials, on the same engine: our service before its tuning.

Stock classes, a schema load a row, ``jsonify``, one hook before and one after; the same record, metrics and log lines.
"""

import os
import time
from typing import Any
from uuid import uuid4

from flask import Flask, Response, abort, g, jsonify, make_response, request
from marshmallow import Schema, ValidationError, fields

from benchmarks.twins.loading import load_engine, open_worker
from inference.engines.base import Answers
from inference.features import encode
from schemas.rows import in_order, row_schema
from service import log, metrics
from service.records import Record
from service.settings import Settings

settings = Settings.read(os.environ)
records = open_worker(settings)
manifest, engine = load_engine(settings)
Row = row_schema(manifest.contract)
Batch = Schema.from_dict({"instances": fields.List(fields.Nested(Row), required=True)})
app = Flask(__name__)


@app.before_request
def begin() -> None:
    """Start the clock."""
    g.started = time.perf_counter()
    g.request_id = request.headers.get("X-Request-ID", str(uuid4()))
    metrics.began()


@app.after_request
def finish(response: Response) -> Response:
    """Count, time and log."""
    seconds = time.perf_counter() - g.started
    route = request.url_rule.rule if request.url_rule else "unmatched"
    metrics.answered(route, request.method, response.status_code, seconds)
    log.info(
        "request",
        request_id=g.request_id,
        method=request.method,
        path=request.path,
        status=response.status_code,
        latency_ms=round(seconds * 1000, 3),
        client_ip=request.remote_addr,
    )
    response.headers["X-Request-ID"] = g.request_id
    return response


@app.get("/health")
def health() -> Response:
    """For the lab's warm-up."""
    return jsonify(status="healthy", model_version=manifest.version)


@app.post("/predict")
def predict() -> Response:
    """One row."""
    return jsonify(_answer([_loaded(Row())])[0])


@app.post("/predict/batch")
def predict_batch() -> Response:
    """Rows at once."""
    return jsonify(predictions=_answer(_loaded(Batch())["instances"]))


def _loaded(schema: Schema) -> Any:
    try:
        return schema.load(request.get_json())
    except ValidationError as exc:
        abort(make_response(jsonify(errors=exc.messages), 422))


def _answer(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    matrix = encode(manifest.contract, [in_order(row) for row in rows])
    answers = engine.predict(matrix)
    record = Record(
        prediction_id=str(uuid4()),
        request_id=g.request_id,
        time=time.time(),
        model_version=manifest.version,
        role="stable",
        contract=manifest.contract,
        rows=matrix,
        answers=answers,
        latency_ms=(time.perf_counter() - g.started) * 1000,
        client=request.remote_addr or "",
        classes=manifest.classes,
    )
    records.append(record)
    metrics.prediction(manifest.version, answers.predictions, answers.chosen is None)
    log.info(
        "prediction_made",
        request_id=g.request_id,
        prediction_id=record.prediction_id,
        model_version=manifest.version,
        rows=len(rows),
        latency_ms=record.latency_ms,
    )
    facts = {"model_version": manifest.version, "prediction_id": record.prediction_id, "timestamp": record.time}
    return [outcome | facts for outcome in _outcomes(answers)]


def _outcomes(answers: Answers) -> list[dict[str, Any]]:
    if answers.probabilities is None or answers.chosen is None:
        return [{"prediction": prediction} for prediction in answers.predictions]
    return [
        {"prediction": prediction, "probability": float(row[chosen])}
        for prediction, row, chosen in zip(answers.predictions, answers.probabilities, answers.chosen, strict=True)
    ]
