"""The seed's "log every prediction (input, output, latency), store in database" and its metrics, for one instance.

The store and the counters are those of the Flask service, so that both sides pay for the same.
"""

import time
import uuid
from collections.abc import Mapping
from typing import Any

from fastapi import Request

from benchmarks.twins.as_designed.model import Loaded
from inference.engines.base import Answers
from inference.features import encode
from service import metrics
from service.records import Record


def store_prediction(
    request: Request, model: Loaded, values: Mapping[str, Any], prediction: Any, probabilities: Any, client: str
) -> None:
    """One record, as a prediction of its own, and its count."""
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
    """Since the middleware saw the request."""
    return (time.perf_counter() - float(request.state.started)) * 1000
