"""GET /metrics: the counts of all workers, for Prometheus."""

from flask import Blueprint, Response

from service.metrics import exposition
from service.metrics.exposition import CONTENT_TYPE
from service.web.operation import Operation, operation

metrics = Blueprint("metrics", __name__)


@metrics.get("/metrics")
@operation(
    Operation(
        "What was counted and timed, over all workers, for Prometheus",
        "service",
        {200: None},
        scope="observe",
        media="text/plain",
    )
)
def exposed() -> Response:
    """Prometheus text format."""
    return Response(exposition(), content_type=CONTENT_TYPE)
