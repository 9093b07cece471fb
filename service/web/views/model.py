"""The served model: GET /model/info, /model/performance, /model/drift."""

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, jsonify

from inference.drift import ALARM, SIGNIFICANCE, WATCH
from schemas.answers import ModelInfoAnswer
from schemas.errors import NotReady, UnknownVersion
from schemas.monitoring import DriftAnswer, PerformanceAnswer
from service.models.model import Model
from service.web import window
from service.web.lean import current
from service.web.operation import Operation, operation
from service.web.window import Window

model = Blueprint("model", __name__, url_prefix="/model")

PERFORMANCE_WINDOW = "7d"


@model.get("/info")
@operation(
    Operation(
        "The served model: algorithm, metrics, features, and every loaded version",
        "model",
        {200: ModelInfoAnswer},
        fails=(NotReady, UnknownVersion),
        query={"model_version": "A loaded version to describe instead of the stable one."},
    )
)
def info() -> Response:
    """The facts of a manifest that matter to a client or an operator."""
    app, request = current()
    loaded = app.models.now
    chosen, _ = loaded.choose(request.args.get("model_version", loaded.stable.version if loaded.stable else None))
    roles = {"stable": loaded.stable, "canary": loaded.canary, "shadow": loaded.shadow}
    versions = [
        _summary(other) | {"roles": [role for role, one in roles.items() if one is other]}
        for other in loaded.models.values()
    ]
    limits = {"rows": app.settings.max_batch_rows, "bytes": app.settings.max_body_bytes}
    return jsonify(_description(chosen) | {"limits": limits, "versions": versions})


@model.get("/performance")
@operation(
    Operation(
        "Accuracy on live data, by version, from the outcomes given as feedback",
        "model",
        {200: PerformanceAnswer},
        fails=window.FAILS,
        query=window.query(PERFORMANCE_WINDOW),
        slow=True,
    )
)
def performance() -> Response:
    """By version, with the counts that say how much it means."""
    from service.records.database import analysis  # SQLAlchemy, only where it is needed

    period = Window.from_request(PERFORMANCE_WINDOW)
    versions = analysis.performance(current()[0].settings, period.since, period.until, period.version)
    period.require(versions)
    found = {"most_outcomes": analysis.MAX_OUTCOMES, "versions": [one.to_json() for one in versions]}
    return jsonify(period.to_json() | found)


@model.get("/drift")
@operation(
    Operation(
        "Whether live values still look as they did in training, by version and feature",
        "model",
        {200: DriftAnswer},
        fails=window.FAILS,
        query=window.query("DRIFT_HOURS"),
        slow=True,
    )
)
def drift() -> Response:
    """By version and feature, with what each bin holds."""
    from service.records.database import analysis  # SQLAlchemy, only where it is needed

    settings = current()[0].settings
    period = Window.from_request(f"{settings.drift_hours}h")
    versions = analysis.drift(settings, period.since, period.until, period.version)
    period.require(versions)
    return jsonify(
        period.to_json()
        | {
            "minimum_rows": settings.drift_rows,
            "most_rows": analysis.MAX_ROWS,
            "thresholds": {"watch": WATCH, "alarm": ALARM, "p_value": SIGNIFICANCE},
            "versions": [{"verdict": one.verdict} | asdict(one) for one in versions],
        }
    )


def _description(chosen: Model) -> dict[str, Any]:
    manifest = chosen.manifest
    contract = manifest.contract.to_json()
    return _summary(chosen) | {
        "task": contract["task"],
        "target": contract["target"],
        "classes": list(manifest.classes),
        "hyperparameters": manifest.hyperparameters,
        "metrics": manifest.metrics,
        "training": manifest.training,
        "features": contract["features"],
        "libraries": manifest.libraries,
        "engine_reason": manifest.engine_reason,
    }


def _summary(one: Model) -> dict[str, Any]:
    return {
        "model_version": one.version,
        "algorithm": one.manifest.algorithm,
        "created": one.manifest.created,
        "engine": one.engine.name,
        "sha256": one.manifest.sha256,
    }
