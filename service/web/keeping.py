"""The hook after a prediction: its record is kept before its bytes go out, and it is counted and logged."""

import time

from service import metrics
from service.web.context import current
from service.web.lean.messages import Response


def keep(response: Response) -> Response:
    """Whoever gets an answer has a record of it."""
    app, request = current()
    record = request.record
    if record is None or response.status_code != 200:
        return response
    began = time.perf_counter()
    app.records.append(record)
    if request.phases is not None:
        request.phases["record"] = time.perf_counter() - began
    predictions = record.answers.predictions
    metrics.prediction(record.model_version, predictions, record.answers.chosen is None)
    if request.path.endswith("/batch"):
        metrics.batch_rows(len(predictions))
    line = {
        "request_id": record.request_id,
        "prediction_id": record.prediction_id,
        "model_version": record.model_version,
        "prediction": predictions[0] if len(predictions) == 1 else None,
        "rows": len(predictions),
        "latency_ms": round(record.latency_ms, 3),
        "client_ip": request.remote_addr,
    }
    request.events = (("prediction_made", line),)
    return response
