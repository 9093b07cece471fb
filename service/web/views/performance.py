"""GET /model/performance: how well each version does on what really happened."""

from flask import Blueprint, Response, jsonify

from schemas.performance import PerformanceAnswer
from service.web import window
from service.web.context import current
from service.web.operation import Operation, operation

performance = Blueprint("performance", __name__, url_prefix="/model")

WINDOW = "7d"


@performance.get("/performance")
@operation(
    Operation(
        "Accuracy on live data, by version, from the outcomes given as feedback",
        "model",
        {200: PerformanceAnswer},
        fails=window.FAILS,
        scope="observe",
        query=window.query(WINDOW),
    )
)
def live() -> Response:
    """By version, with the counts that say how much it means."""
    from service.records.database.analysis import performance as of_records  # SQLAlchemy, which no other request needs

    asked = window.asked(WINDOW)
    versions = of_records(current()[0].settings, asked.since, asked.until, asked.version)
    asked.expect(versions)
    return jsonify(asked.to_json() | {"versions": [one.to_json() for one in versions]})
