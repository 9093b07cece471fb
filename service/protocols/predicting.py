"""The way of a prediction request of any protocol, from the body to the response."""

from collections.abc import Callable, Iterable

from flask import Response

from service.web.context import JSON
from service.web.formats import PREDICTION_ID
from service.web.lean import current
from service.web.prediction import Read, Serialise, answer
from service.web.views.predictions import MODEL_VERSION

Headers = Callable[[], Iterable[tuple[str, str]]]


def predict(
    version: str | None, body: Callable[[], bytes], read: Read, serialise: Serialise, headers: Headers = tuple
) -> Response:
    """Answer a body by the version that is named, or by the one that routing chooses.

    ``headers`` is called when the answer has been serialised; a Content-Type among them replaces JSON's.

    Raises:
        NotReady, UnknownVersion, InvalidInput, and what ``body`` and ``read`` raise.
    """
    app, request = current()
    answered = answer(app.models.now, version, body, read, serialise, request, app.records, batch=True)
    more = dict(headers())
    response = app.response_class.ready(answered.content, content_type=more.pop("Content-Type", JSON))
    record = answered.prediction.record
    for name, value in {MODEL_VERSION: record.model_version, PREDICTION_ID: record.prediction_id, **more}.items():
        response.stamp(name, value)
    if answered.shadow is not None:
        response.call_on_close(answered.shadow)
    return response
