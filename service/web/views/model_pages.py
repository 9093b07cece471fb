"""The served model as pages: GET /model/drift.html, /model/performance.html and /model/card."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from flask import Blueprint, Response, render_template

from inference.artifact import read_verified
from inference.manifest import ArtifactError, Manifest
from schemas.errors import UnknownVersion
from service import NAME
from service.models.model import Model
from service.models.repository import Repository
from service.web.lean import current
from service.web.operation import Operation, operation
from service.web.pages import HTML, INLINE_STYLES, confine, render

model_pages = Blueprint("model_pages", __name__, url_prefix="/model")

CARD = "card.html"
_VERSION = {"model_version": "A loaded version to show instead of the stable one."}
_WINDOWS = ("1h", "24h", "7d", "30d")


@model_pages.get("/drift.html")
@operation(Operation("The drift of each feature as a page", "model", {200: None}, media=HTML, page=True))
def drift() -> Response:
    """Both histograms of each feature, side by side."""
    return render("drift.html", windows=_WINDOWS)


@model_pages.get("/performance.html")
@operation(Operation("Accuracy on live data as a page", "model", {200: None}, media=HTML, page=True))
def performance() -> Response:
    """Each version's measures, confusion and calibration."""
    return render("performance.html", windows=_WINDOWS)


@model_pages.get("/card")
@operation(
    Operation(
        "The model card: data, metrics, features and limits of a version, as a page",
        "model",
        {200: None},
        fails=(UnknownVersion,),
        query=_VERSION,
        media=HTML,
        page=True,
        slow=True,
    )
)
def card() -> Response:
    """The card that training drew; for a version without one, the facts of its manifest.

    Raises:
        UnknownVersion
    """
    app, request = current()
    loaded = app.models.now
    if loaded.stable is None and "model_version" not in request.args:
        return render("no_model.html", reason=" ".join(loaded.reasons))
    chosen, _ = loaded.choose(request.args.get("model_version", loaded.stable.version if loaded.stable else None))
    others = [version for version in sorted(loaded.models) if version != chosen.version]
    drawn = _drawn_card(Repository(app.settings), chosen.version, chosen.manifest)
    if drawn is None:
        return render("card.html", INLINE_STYLES, **_facts(chosen), others=others)
    bar = render_template("card_bar.html", title=NAME, version=chosen.version, others=others)
    head = render_template("card_head.html")
    page = drawn.replace("</head>", f"{head}</head>", 1).replace("<body>", f"<body>{bar}", 1)
    return confine(Response(page, mimetype=HTML), INLINE_STYLES)


def _drawn_card(repository: Repository, version: str, manifest: Manifest) -> str | None:
    """The page in the artifact or in its last good copy; None where there is none, or where it was changed."""
    for folder in (repository.folder(version), repository.copy(version)):
        with suppress(ArtifactError):
            return read_verified(folder, manifest, CARD).decode("utf-8", "replace")
    return None


def _facts(model: Model) -> Mapping[str, Any]:
    manifest = model.manifest
    numbers = {name: value for name, value in manifest.metrics.items() if isinstance(value, int | float)}
    facts = {name: value for name, value in manifest.training.items() if isinstance(value, str | int | float)}
    return {"manifest": manifest, "contract": manifest.contract, "numbers": numbers, "facts": facts}
