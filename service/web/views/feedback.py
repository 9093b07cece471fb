"""POST /feedback: what really happened to a row that was predicted."""

from flask import Blueprint, Response, jsonify

from schemas.errors import (
    BodyTooLarge,
    Conflict,
    InvalidInput,
    MalformedBody,
    NotFound,
    StoreUnavailable,
    UnsupportedMediaType,
)
from schemas.feedback import FeedbackAnswer, OutcomeSchema, OutcomesSchema, read_feedback
from service.web.body import read_body
from service.web.context import current
from service.web.operation import Operation, operation

feedback = Blueprint("feedback", __name__)

FAILS = (
    NotFound,
    BodyTooLarge,
    UnsupportedMediaType,
    MalformedBody,
    Conflict,
    InvalidInput,
    StoreUnavailable,
)


@feedback.post("/feedback")
@operation(
    Operation(
        "Tell what really happened to predicted rows",
        "records",
        {201: FeedbackAnswer, 200: FeedbackAnswer},
        (OutcomeSchema, OutcomesSchema),
        FAILS,
        scope="predict",
    )
)
def tell() -> tuple[Response, int]:
    """Keep one outcome or many, all or none: 201 where any was new, 200 where all were known."""
    from service.records.database.outcomes import Outcome, record_outcomes  # SQLAlchemy, only for those who ask for it

    app, request = current()
    read, many = read_feedback(read_body(request, app.settings.max_body_bytes), app.settings.max_batch_rows)
    outcomes = [Outcome(**one, prefix=f"outcomes.{index}." if many else "") for index, one in enumerate(read)]
    created = record_outcomes(app.settings, outcomes, request.client)
    return jsonify({"count": len(outcomes), "created": created}), 201 if created else 200
