"""The shadow: a version that answers what another one has answered, for its records alone."""

import time
from collections.abc import Callable
from dataclasses import replace

from inference.features import Matrix
from schemas.errors import ServiceError
from service import log
from service.models.model import Model
from service.records import Record
from service.records.recorder import Recorder


def shadow_predict(
    shadow: Model, read: Callable[[Model, bytes], Matrix], body: bytes, answered: Record, recorder: Recorder
) -> None:
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
