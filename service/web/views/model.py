"""GET /model/info: what is served, and what it was made from."""

from typing import Any

from flask import Blueprint, Response, jsonify

from schemas.answers import ModelInfoAnswer
from schemas.errors import NotReady, UnknownVersion
from service.models.model import Model
from service.web.context import current
from service.web.operation import Operation, operation

model = Blueprint("model", __name__, url_prefix="/model")


@model.get("/info")
@operation(
    Operation(
        "The served model: algorithm, metrics, features, and every loaded version",
        "model",
        {200: ModelInfoAnswer},
        fails=(NotReady, UnknownVersion),
        scope="observe",
        query={"model_version": "A loaded version to describe instead of the stable one."},
    )
)
def info() -> Response:
    """All of a manifest that a client or an operator may want to know."""
    app, request = current()
    loaded = app.models.now
    chosen, _ = loaded.choose(request.args.get("model_version", loaded.stable.version if loaded.stable else None))
    roles = {"stable": loaded.stable, "canary": loaded.canary, "shadow": loaded.shadow}
    versions = [
        _brief(other) | {"roles": [role for role, one in roles.items() if one is other]}
        for other in loaded.models.values()
    ]
    return jsonify(_whole(chosen) | {"versions": versions})


def _whole(chosen: Model) -> dict[str, Any]:
    manifest = chosen.manifest
    contract = manifest.contract.to_json()
    return _brief(chosen) | {
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


def _brief(one: Model) -> dict[str, Any]:
    return {
        "model_version": one.version,
        "algorithm": one.manifest.algorithm,
        "created": one.manifest.created,
        "engine": one.engine.name,
        "sha256": one.manifest.sha256,
    }
