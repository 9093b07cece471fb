"""POST /feedback: the true outcome of a predicted row."""

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
from service.web.lean import current
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
        "Report the true outcomes of predicted rows",
        "records",
        {201: FeedbackAnswer, 200: FeedbackAnswer},
        takes=(OutcomeSchema, OutcomesSchema),
        fails=FAILS,
        scope="predict",
        slow=True,
    )
)
def report() -> tuple[Response, int]:
    """Record one outcome or many, all or none: 201 where any is new, 200 where all are known."""
    from service.records.database.outcomes import Outcome, record_outcomes  # SQLAlchemy, only where it is needed

    app, request = current()
    body = request.json_body(app.settings.max_body_bytes)
    read, many = read_feedback(body, app.settings.max_batch_rows)
    outcomes = [Outcome(**one, prefix=f"outcomes.{index}." if many else "") for index, one in enumerate(read)]
    created = record_outcomes(app.settings, outcomes, request.client)
    return jsonify({"count": len(outcomes), "created": created}), 201 if created else 200
