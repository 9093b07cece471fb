"""The shadow version: asked once more after the answer has gone out, recorded, never heard."""

from collections.abc import Callable

from inference.features import Matrix
from schemas.errors import ServiceError
from schemas.reader import Reader
from service import log
from service.models.model import Model
from service.records import Record
from service.records.recorder import Recorder
from service.web.lean.messages import Response
from service.web.recorded import ask_again

Read = Callable[[Reader, bytes], Matrix]


def follow(response: Response, shadow: Model, read: Read, body: bytes, record: Record, records: Recorder) -> None:
    """Have ``shadow`` answer the same body once ``response`` is sent; its record shares the prediction's id."""

    def answer_unheard() -> None:
        try:
            rows = read(shadow.reader, body)
            records.append(ask_again(shadow, rows, record))
        except ServiceError as refused:  # a shadow may have another contract
            log.warning(
                "shadow_refused", model_version=shadow.version, request_id=record.request_id, reason=refused.detail
            )
        except Exception:  # the answer is out; nobody may notice
            log.error("shadow_failed", model_version=shadow.version, request_id=record.request_id, exc_info=True)

    response.call_on_close(answer_unheard)
