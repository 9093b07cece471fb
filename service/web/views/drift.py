"""GET /model/drift: live values against training, as JSON or as a page with both histograms of each feature."""

from dataclasses import asdict
from datetime import UTC, datetime

from flask import Blueprint, Response, jsonify

from schemas.drift import DriftAnswer
from schemas.window import read_window, window_field
from service.errors import InvalidInput, StoreUnavailable, UnknownVersion
from service.inference.drift import ALARM, SIGNIFICANCE, WATCH
from service.web.context import current
from service.web.operation import Operation, operation
from service.web.views.dashboard import HTML, page

drift = Blueprint("drift", __name__, url_prefix="/model")


@drift.get("/drift")
@operation(
    Operation(
        "Whether live values still look as they did in training, by version and feature",
        "model",
        {200: DriftAnswer},
        fails=(UnknownVersion, InvalidInput, StoreUnavailable),
        scope="observe",
        query={
            "window": window_field("DRIFT_HOURS"),
            "model_version": "This version only; any that has records or is loaded.",
        },
    )
)
def found() -> Response:
    """By version and feature, with what each bin holds."""
    app, request = current()
    from service.records.drift import MOST_ROWS  # SQLAlchemy, only for those who ask for it
    from service.records.drift import drift as of_records

    window = request.args.get("window", f"{app.settings.drift_hours}h")
    version = request.args.get("model_version")
    until = datetime.now(UTC)
    since = until - read_window(window)
    versions = of_records(app.settings, since, until, version)
    if version is not None and not versions and version not in app.models.now.models:
        raise UnknownVersion("The model_version asked for has no records and is not loaded.")
    return jsonify(
        {
            "window": window,
            "since": since.isoformat(timespec="milliseconds")[:23] + "Z",
            "until": until.isoformat(timespec="milliseconds")[:23] + "Z",
            "minimum_rows": app.settings.drift_rows,
            "most_rows": MOST_ROWS,
            "thresholds": {"watch": WATCH, "alarm": ALARM, "p_value": SIGNIFICANCE},
            "versions": [{"verdict": one.verdict} | asdict(one) for one in versions],
        }
    )


@drift.get("/drift.html")
@operation(Operation("The drift of each feature as a page", "model", {200: None}, scope="observe", media=HTML))
def report() -> Response:
    """Both histograms of each feature, side by side."""
    return page("drift.html")
