"""From a request to an answered one: which model, which rows, what it says of them."""

import functools
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Response

from schemas.reader import Reader, names_of
from service.errors import InvalidInput
from service.inference.features import Matrix
from service.models.model import Model
from service.records.record import Record
from service.telemetry import metrics
from service.web.body import read_body
from service.web.context import ServingRequest, current

MODEL_VERSION = "X-Model-Version"


@dataclass(frozen=True, slots=True)
class Answered:
    """Rows, the model that answered them, and its answers under one id and one time."""

    model: Model
    record: Record

    @property
    def timestamp(self) -> str:
        """UTC, ISO 8601, milliseconds."""
        return datetime.fromtimestamp(self.record.time, UTC).isoformat(timespec="milliseconds")[:23] + "Z"


def answers(
    read: Callable[[Reader, bytes], Matrix],
) -> Callable[[Callable[[Answered], Response]], Callable[[], Response]]:
    """Let a view see answered rows only: 503, 404, 413, 415, 400 and 422 are raised before it, in this order."""

    def decorate(view: Callable[[Answered], Response]) -> Callable[[], Response]:
        @functools.wraps(view)
        def handle() -> Response:
            app, request = current()
            asked = request.args.get("model_version") if request.query_string else None
            model, role = app.models.now.choose(asked)
            rows = _rows(read, model, read_body(request))
            answered = ask(request, model, role, rows)
            response = view(answered)
            response.headers[MODEL_VERSION] = model.version
            request.record = answered.record
            return response

        return handle

    return decorate


def ask(request: ServingRequest, model: Model, role: str, rows: Matrix) -> Answered:
    """Ask a model; the latency in the record is that of the whole request so far."""
    began = time.perf_counter()
    found = model.engine.predict(rows)
    ended = time.perf_counter()
    metrics.phase(model.version, "predict", ended - began)
    record = Record(
        prediction_id=str(uuid.uuid4()),
        request_id=request.request_id,
        time=time.time(),
        model_version=model.version,
        role=role,
        contract=model.manifest.contract,
        rows=rows,
        answers=found,
        latency_ms=(ended - request.started) * 1000,
        client=request.client,
    )
    return Answered(model, record)


def _rows(read: Callable[[Reader, bytes], Matrix], model: Model, body: bytes) -> Matrix:
    try:
        return read(model.reader, body)
    except InvalidInput as fault:
        known = model.manifest.contract.names
        metrics.invalid([name if name in known else "unknown" for name in names_of(fault)])
        raise
