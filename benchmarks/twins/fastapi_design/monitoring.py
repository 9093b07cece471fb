"""Records, metrics and log lines of the FastAPI design, for one instance.

The store and the counters are those of the Flask service, so that both sides pay for the same.
"""

import json
import logging
import time
import uuid
from collections.abc import Mapping
from typing import Any

from fastapi import Request

from benchmarks.twins.fastapi_design.pipeline import Loaded
from inference.engines.base import Answers
from inference.features import encode
from service import metrics
from service.records import Record


def store_prediction(
    request: Request, model: Loaded, values: Mapping[str, Any], prediction: Any, probabilities: Any, client: str
) -> None:
    """Append one record and count it; each instance of a batch is one prediction."""
    manifest = model.manifest
    record = Record(
        prediction_id=str(uuid.uuid4()),
        request_id=request.state.request_id,
        time=time.time(),
        model_version=manifest.version,
        role="stable",
        contract=manifest.contract,
        rows=encode(manifest.contract, [list(values.values())]),
        answers=Answers([prediction], probabilities, None if probabilities is None else probabilities.argmax(axis=1)),
        latency_ms=elapsed_ms(request),
        client=client,
        classes=manifest.classes,
    )
    request.app.state.records.append(record)
    metrics.prediction(manifest.version, [prediction], probabilities is None)


def elapsed_ms(request: Request) -> float:
    """Milliseconds since the middleware got the request."""
    return (time.perf_counter() - float(request.state.started)) * 1000


class JsonFormatter(logging.Formatter):
    """One JSON object a line, with the ``extra`` of the call."""

    known = frozenset(vars(logging.makeLogRecord({})))

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        extra = {name: value for name, value in vars(record).items() if name not in self.known}
        return json.dumps({"time": record.created, "level": record.levelname, "event": record.getMessage(), **extra})


def structured(logger: logging.Logger) -> None:
    """Make it write JSON lines to standard error, with the ``extra`` of each call."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(logging.INFO)
