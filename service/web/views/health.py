"""GET /health, /health/live and /health/ready: no token and no model needed."""

import os
from typing import Any

from flask import Blueprint, Response, jsonify

from schemas.answers import HealthAnswer, LiveAnswer
from service.models.serving import ModelSet
from service.web.lean import current
from service.web.operation import Operation, operation

health = Blueprint("health", __name__, url_prefix="/health")


LOSING = "Records of predictions are being lost: VAR_DIR cannot be written. The log says why, under records_lost."


def describe(loaded: ModelSet, losing: bool = False) -> dict[str, Any]:
    """The state of this worker: healthy, unhealthy, or degraded.

    Degraded: it serves another version than the wanted one, or records are being lost on this host (``losing``).
    """
    if loaded.stable is None:
        return {
            "status": "unhealthy",
            "model_loaded": False,
            "model_version": None,
            "model_accuracy": None,
            "reason": " ".join(loaded.reasons),
            "worker": os.getpid(),
        }
    manifest = loaded.stable.manifest
    reasons = (*loaded.reasons, *([LOSING] if losing else ()))
    document = {
        "status": "degraded" if reasons else "healthy",
        "model_loaded": True,
        "model_version": manifest.version,
        "model_accuracy": manifest.metrics.get("accuracy"),
        "model_metric": {"name": manifest.metric, "value": manifest.metrics.get(manifest.metric)},
        "engine": loaded.stable.engine.name,
        "worker": os.getpid(),
    }
    return document | ({"reason": " ".join(reasons)} if reasons else {})


def _answer() -> tuple[Response, int, dict[str, str]]:
    app, _ = current()
    document = describe(app.models.now, app.records.is_losing())
    can_predict = document["status"] != "unhealthy"
    return (
        jsonify(document),
        200 if can_predict else 503,
        {"Cache-Control": "no-store"} | ({} if can_predict else {"Retry-After": "5"}),
    )


@health.get("")
@operation(
    Operation(
        "Whether this worker can predict, and how well", "health", {200: HealthAnswer, 503: HealthAnswer}, scope=None
    )
)
def status() -> tuple[Response, int, dict[str, str]]:
    """For people and monitors."""
    return _answer()


@health.get("/ready")
@operation(Operation("Whether to send traffic here", "health", {200: HealthAnswer, 503: HealthAnswer}, scope=None))
def ready() -> tuple[Response, int, dict[str, str]]:
    """For load balancers and readiness probes."""
    return _answer()


@health.get("/live")
@operation(Operation("Whether the process answers at all", "health", {200: LiveAnswer}, scope=None))
def live() -> tuple[Response, int, dict[str, str]]:
    """For liveness probes: a worker without a model is alive, and restarting it would not help."""
    return jsonify({"status": "alive"}), 200, {"Cache-Control": "no-store"}
