"""From a request to an answered one: which model, which rows, what it says of them."""

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite

from inference.features import Matrix
from inference.timestamps import isoformat_unix
from schemas.errors import MOST_ERRORS, InvalidInput
from schemas.reader import WHOLE, Reader, field_names
from service import metrics
from service.metrics.catalogue import PHASES
from service.models.model import Model
from service.records import Record
from service.web import shadow
from service.web.body import read_body
from service.web.context import current
from service.web.lean.messages import Response
from service.web.recorded import ask

MODEL_VERSION = "X-Model-Version"
INFINITE = "The model has no finite number for this row: its numbers are too far from those it learned from."


@dataclass(slots=True)
class Answered:
    """Rows, the model that answered them, and its answers under one id and one time."""

    model: Model
    record: Record

    @property
    def timestamp(self) -> str:
        """UTC, ISO 8601, milliseconds."""
        return isoformat_unix(self.record.time)


def answers(
    read: Callable[[Reader, bytes], Matrix],
) -> Callable[[Callable[[Answered], Response]], Callable[[], Response]]:
    """Let a view see answered rows only: 503, 404, 413, 415, 400 and 422 are raised before it, in this order."""

    def decorate(view: Callable[[Answered], Response]) -> Callable[[], Response]:
        @functools.wraps(view)
        def handle() -> Response:
            app, request = current()
            asked = request.args.get("model_version") if request.environ.get("QUERY_STRING") else None
            loaded = app.models.now
            model, role = loaded.choose(asked)
            body = read_body(request, app.settings.max_body_bytes)
            began = time.perf_counter()
            rows = _rows(read, model, body)
            validated = time.perf_counter()
            request.record = _finite(ask(model, role, rows, request), read is Reader.row)
            predicted = time.perf_counter()
            response = view(Answered(model, request.record))
            serialised = time.perf_counter()
            spent = validated - began, predicted - validated, serialised - predicted
            metrics.phases(model.version, *spent)
            if request.phases is not None:
                request.phases |= dict(zip(PHASES, spent, strict=True))
            response.stamp(MODEL_VERSION, model.version)
            if loaded.shadow is not None and asked is None:
                shadow.follow(response, loaded.shadow, read, body, request.record, app.records)
            return response

        return handle

    return decorate


def _finite(record: Record, one: bool) -> Record:
    """A regression that leaves the numbers that JSON knows, as an exponential may, has no answer for such rows."""
    if record.answers.chosen is None and not all(map(isfinite, record.answers.predictions)):
        odd = [row for row, number in enumerate(record.answers.predictions) if not isfinite(number)]
        metrics.invalid(["unknown"])
        raise InvalidInput({WHOLE if one else f"instances.{row}": [INFINITE] for row in odd[:MOST_ERRORS]}, len(odd))
    return record


def _rows(read: Callable[[Reader, bytes], Matrix], model: Model, body: bytes) -> Matrix:
    try:
        return read(model.reader, body)
    except InvalidInput as exc:
        known = model.manifest.contract.names
        metrics.invalid([name if name in known else "unknown" for name in field_names(exc)])
        raise
