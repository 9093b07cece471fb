"""GET /model/performance: how well each version does on what really happened."""

import re
from datetime import UTC, datetime

from flask import Blueprint, Response, jsonify

from schemas.performance import PerformanceAnswer
from schemas.window import read_window, window_field
from service.errors import InvalidInput, StoreUnavailable, UnknownVersion
from service.settings import VERSION
from service.web.context import current
from service.web.operation import Operation, operation

performance = Blueprint("performance", __name__, url_prefix="/model")

WINDOW = "7d"
UNKNOWN = "The model_version asked for has no records and is not loaded."


@performance.get("/performance")
@operation(
    Operation(
        "Accuracy on live data, by version, from the outcomes given as feedback",
        "model",
        {200: PerformanceAnswer},
        fails=(UnknownVersion, InvalidInput, StoreUnavailable),
        scope="observe",
        query={
            "window": window_field(WINDOW),
            "model_version": "This version only; any that has records or is loaded.",
        },
    )
)
def live() -> Response:
    """By version, with the counts that say how much it means."""
    from service.records.performance import performance as of_records  # SQLAlchemy, only for those who ask for it

    app, request = current()
    window = request.args.get("window", WINDOW)
    version = request.args.get("model_version")
    until = datetime.now(UTC)
    since = until - read_window(window)
    if version is not None and not re.fullmatch(VERSION, version):
        raise UnknownVersion(UNKNOWN)
    versions = of_records(app.settings, since, until, version)
    if version is not None and not versions and version not in app.models.now.models:
        raise UnknownVersion(UNKNOWN)
    return jsonify({"window": window, "since": _text(since), "until": _text(until), "versions": versions})


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")[:23] + "Z"
