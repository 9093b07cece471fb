"""The OpenAPI document, from the promises above the views and the schemas they name."""

import re
from collections.abc import Iterator
from typing import Any

from apispec import APISpec
from marshmallow.fields import Field
from werkzeug.routing import Rule

from schemas.errors import Forbidden, ServiceError, TooManyRequests, Unauthorized
from service.models.model import Model
from service.version import NAME, __version__
from service.web.context import ServingApp
from service.web.docs.conversion import OPENAPI, Plugin, convert
from service.web.docs.responses import Document, header_components, responses
from service.web.docs.samples import Samples, samples_of
from service.web.operation import Operation, operation_of
from service.web.pages import HTML

TAGS = {
    "predictions": "Ask the model.",
    "model": "What is served, and how well it does.",
    "records": "What really happened, told to the service.",
    "health": "For probes and monitors; no token is asked.",
    "service": "The service itself.",
}
DESCRIPTION = """Serves scikit-learn models of tables over HTTP.

Every answer carries `X-Request-ID`: the request's own where it is sane (at most 128 visible ASCII characters), else a
new one. Every error is `application/problem+json` (RFC 9457); its `type` is stable and meant for programs, its
`detail` for people. A body is JSON in UTF-8, at most {most} bytes long.
"""


def make_document(app: ServingApp, model: Model | None) -> Document:
    """The document of ``app`` with ``model`` as the stable version, or with none."""
    samples = samples_of(model)
    spec = APISpec(
        NAME,
        __version__,
        OPENAPI,
        plugins=[Plugin()],
        info={"description": _description(app, model)},
    )
    found = list(promises(app))
    used = {promise.tag for _, _, promise in found}
    for name, meaning in TAGS.items():
        if name in used:
            spec.tag({"name": name, "description": meaning})
    for name, header in header_components().items():
        spec.components.header(name, header)
    if app.tokens is not None:
        spec.components.security_scheme("token", {"type": "http", "scheme": "bearer"})
    for rule, method, promise in found:
        operation = _operation(app, model, promise, samples)
        operation["operationId"] = _name(rule)
        operation["description"] = (app.view_functions[rule.endpoint].__doc__ or "").strip()
        spec.path(re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), operations={method.lower(): operation})
    document: Document = spec.to_dict()
    _refine_outcomes(document["components"]["schemas"], samples)
    return document


def promises(app: ServingApp) -> Iterator[tuple[Rule, str, Operation]]:
    """Every route of the API with its method and promise, in the order of the tags."""
    order = list(TAGS)
    found = [
        (rule, method, promise)
        for rule in app.url_map.iter_rules()
        if (promise := operation_of(app.view_functions[rule.endpoint])) is not None and promise.media != HTML
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]
    return iter(sorted(found, key=lambda one: (order.index(one[2].tag), one[0].rule)))


def _operation(app: ServingApp, model: Model | None, promise: Operation, samples: Samples) -> Document:
    guarded = promise.scope is not None and app.tokens is not None
    operation: Document = {
        "summary": promise.summary,
        "tags": [promise.tag],
        "responses": responses(promise, _faults(app, promise, guarded), samples),
    }
    if promise.query:
        operation["parameters"] = [_parameter(name, said) for name, said in promise.query.items()]
    if promise.takes is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": _body(model, promise, samples)}}
    if guarded:
        operation["security"] = [{"token": []}]
    return operation


def _faults(app: ServingApp, promise: Operation, guarded: bool) -> tuple[type[ServiceError], ...]:
    """What can go wrong as the service is set up, and our own fault, which always can."""
    told = tuple(error for error in promise.fails if error is not TooManyRequests or app.limiter is not None)
    return ((Unauthorized, Forbidden) if guarded else ()) + told + (ServiceError,)


def _parameter(name: str, said: str | Field[Any]) -> Document:
    schema = {"type": "string"} if isinstance(said, str) else convert(said)
    meaning = said if isinstance(said, str) else schema.pop("description", "")
    return {"name": name, "in": "query", "required": False, "description": meaning, "schema": schema}


def _body(model: Model | None, promise: Operation, samples: Samples) -> Document:
    if isinstance(promise.takes, tuple):
        examples = {form.__name__: {"value": samples.bodies[form]} for form in promise.takes if form in samples.bodies}
        return {"schema": {"oneOf": list(promise.takes)}} | ({"examples": examples} if examples else {})
    if promise.takes not in ("row", "batch"):
        return {"schema": promise.takes}
    example: Any = samples.row if promise.takes == "row" else samples.batch
    if model is None:
        return {"schema": {"type": "object", "additionalProperties": True}, "example": example}
    reader = model.reader
    return {"schema": reader.row_schema if promise.takes == "row" else reader.batch_schema, "example": example}


def _refine_outcomes(schemas: dict[str, Document], samples: Samples) -> None:
    """Say what only the served model knows: the type of its labels, and whether it has probabilities."""
    for name in ("RowAnswer", "PredictionAnswer"):
        properties = schemas[name]["properties"]
        properties["prediction"] |= samples.prediction
        if not samples.probability:
            properties.pop("probability", None)
    schemas["Outcome"]["properties"]["outcome"] |= samples.outcome


def _description(app: ServingApp, model: Model | None) -> str:
    text = DESCRIPTION.format(most=app.settings.max_body_bytes)
    if model is None:
        return text + "\n**No model is loaded now**: `/health` says why; rows are shown in a general form."
    contract = model.manifest.contract
    return (
        f"{text}\nRows are those of **{model.version}** ({contract.task} of `{contract.target}`), the stable version; "
        "another one that is asked for by `model_version` may take others: `/model/info?model_version=` tells."
    )


def _name(rule: Rule) -> str:
    """An operation's name, for generators of clients: the path's words."""
    return "_".join(re.findall(r"[A-Za-z0-9]+", rule.rule)) or "home"
