"""GET /model/drift: live values against training, as JSON or as a page with both histograms of each feature."""

from dataclasses import asdict

from flask import Blueprint, Response, jsonify

from inference.drift import ALARM, SIGNIFICANCE, WATCH
from schemas.drift import DriftAnswer
from service.web import window
from service.web.context import current
from service.web.operation import Operation, operation
from service.web.pages import HTML
from service.web.views.dashboard import page

drift = Blueprint("drift", __name__, url_prefix="/model")


@drift.get("/drift")
@operation(
    Operation(
        "Whether live values still look as they did in training, by version and feature",
        "model",
        {200: DriftAnswer},
        fails=window.FAILS,
        scope="observe",
        query=window.query("DRIFT_HOURS"),
    )
)
def found() -> Response:
    """By version and feature, with what each bin holds."""
    from service.records.database.analysis import MAX_ROWS  # SQLAlchemy, which no other request needs
    from service.records.database.analysis import drift as of_records

    settings = current()[0].settings
    asked = window.asked(f"{settings.drift_hours}h")
    versions = of_records(settings, asked.since, asked.until, asked.version)
    asked.expect(versions)
    return jsonify(
        asked.to_json()
        | {
            "minimum_rows": settings.drift_rows,
            "most_rows": MAX_ROWS,
            "thresholds": {"watch": WATCH, "alarm": ALARM, "p_value": SIGNIFICANCE},
            "versions": [{"verdict": one.verdict} | asdict(one) for one in versions],
        }
    )


@drift.get("/drift.html")
@operation(Operation("The drift of each feature as a page", "model", {200: None}, scope="observe", media=HTML))
def report() -> Response:
    """Both histograms of each feature, side by side."""
    return page("drift.html")
