"""The OpenAPI document, made from the operations of the views and the schemas that they name."""

import re
from typing import Any

from apispec import APISpec
from marshmallow.fields import Field
from werkzeug.routing import Rule

from schemas.errors import Forbidden, ServiceError, TooManyRequests, Unauthorized
from service import NAME, __version__
from service.models.model import Model
from service.web.context import ServingApp
from service.web.docs.components import OPENAPI, Document, Plugin, convert, header_components, responses, tables
from service.web.docs.samples import Samples, samples_of
from service.web.operation import Operation, template_of

TAGS = {
    "predictions": "Ask the model.",
    "model": "What is served, and how well it does.",
    "records": "True outcomes of predictions.",
    "oip": "The Open Inference Protocol V2 (KServe, Triton, MLServer), with binary tensors.",
    "mlflow": "MLflow's scoring server, and what SageMaker asks of a container.",
    "health": "For probes and monitors; no token is needed.",
    "service": "The service itself.",
}
DESCRIPTION = """Serves scikit-learn models of tables over HTTP.

Every answer carries `X-Request-ID`: the request's own where it is sane (at most 128 visible ASCII characters), else a
new one. Every error is `application/problem+json` (RFC 9457); its `type` is stable and meant for programs, its
`detail` for people. A body is JSON in UTF-8, at most {most} bytes long; a batch may also come
as CSV, an Arrow stream or Parquet, which unpack to no more.
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
    found = operations(app)
    used = {declared.tag for _, _, declared in found}
    for name, meaning in TAGS.items():
        if name in used:
            spec.tag({"name": name, "description": meaning})
    for name, header in header_components().items():
        spec.components.header(name, header)
    if app.tokens is not None:
        spec.components.security_scheme("token", {"type": "http", "scheme": "bearer"})
    for rule, method, declared in found:
        operation = _operation(app, model, declared, samples)
        if rule.arguments:
            operation["parameters"] = [
                _variable(app, model, declared, name) for name in _variables(rule)
            ] + operation.get("parameters", [])
        operation["operationId"] = _name(rule)
        operation["description"] = (app.view_functions[rule.endpoint].__doc__ or "").strip()
        spec.path(template_of(rule), operations={method.lower(): operation})
    document: Document = spec.to_dict()
    _refine_outcomes(document["components"]["schemas"], samples)
    return document


def operations(app: ServingApp) -> list[tuple[Rule, str, Operation]]:
    """Every route of the API with its method and operation, in the order of the tags; pages are left out."""
    order = list(TAGS)
    found = [
        (rule, method, declared)
        for rule in app.url_map.iter_rules()
        if not (declared := app.operations[rule.endpoint]).page
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]
    return sorted(found, key=lambda one: (order.index(one[2].tag), one[0].rule))


def _operation(app: ServingApp, model: Model | None, declared: Operation, samples: Samples) -> Document:
    guarded = declared.scope is not None and app.tokens is not None
    operation: Document = {
        "summary": declared.summary,
        "tags": [declared.tag],
        "responses": responses(declared, _errors(app, declared, guarded), samples),
    }
    if declared.query or declared.headers:
        parameters = [_parameter(name, shown, "query") for name, shown in declared.query.items()]
        operation["parameters"] = parameters + [_parameter(*one, "header") for one in declared.headers.items()]
    if declared.takes is not None:
        content = {"application/json": _body(model, declared, samples)}
        content |= tables(declared.also_takes, declared.also_means)
        operation["requestBody"] = {"required": True, "content": content}
    if guarded:
        operation["security"] = [{"token": []}]
    return operation


def _errors(app: ServingApp, declared: Operation, guarded: bool) -> tuple[type[ServiceError], ...]:
    """The errors that can happen with these settings; an error of the service itself always can."""
    auth = (Unauthorized, Forbidden) if guarded else ()
    limit = (TooManyRequests,) if declared.limited and app.limiter is not None else ()
    return (*auth, *limit, *declared.fails, ServiceError)


def _parameter(name: str, shown: str | Field[Any], place: str) -> Document:
    schema = {"type": "string"} if isinstance(shown, str) else convert(shown)
    meaning = shown if isinstance(shown, str) else schema.pop("description", "")
    return {"name": name, "in": place, "required": False, "description": meaning, "schema": schema}


def _variable(app: ServingApp, model: Model | None, declared: Operation, name: str) -> Document:
    """A variable of the path, with its value here."""
    value = {"name": app.settings.model_name, "version": model.version if model else "random_forest-1"}[name]
    schema = {"type": "string", "minLength": 1, "examples": [value]}
    return {"name": name, "in": "path", "required": True, "description": declared.path[name], "schema": schema}


def _variables(rule: Rule) -> list[str]:
    return re.findall(r"\{(\w+)\}", template_of(rule))


def _body(model: Model | None, declared: Operation, samples: Samples) -> Document:
    if isinstance(declared.takes, tuple):
        examples = {form.__name__: {"value": samples.bodies[form]} for form in declared.takes if form in samples.bodies}
        return {"schema": {"oneOf": list(declared.takes)}} | ({"examples": examples} if examples else {})
    if declared.takes not in ("row", "batch"):
        return {"schema": declared.takes} | ({"example": declared.example(samples.row)} if declared.example else {})
    example: Any = samples.row if declared.takes == "row" else samples.batch
    if model is None:
        return {"schema": {"type": "object", "additionalProperties": True}, "example": example}
    reader = model.reader
    return {"schema": reader.row_schema if declared.takes == "row" else reader.batch_schema, "example": example}


def _refine_outcomes(schemas: dict[str, Document], samples: Samples) -> None:
    """Add what only the served model knows: the type of its labels, and whether it has probabilities."""
    for name in ("RowAnswer", "PredictionAnswer", "BatchAnswer"):
        properties = schemas[name]["properties"]
        if name != "BatchAnswer":
            properties["prediction"] |= samples.prediction
        for shown in () if samples.probability else ("probability", "probabilities", "classes"):
            properties.pop(shown, None)
    schemas["Outcome"]["properties"]["outcome"] |= samples.outcome


def _description(app: ServingApp, model: Model | None) -> str:
    text = DESCRIPTION.format(most=app.settings.max_body_bytes)
    if model is None:
        return text + "\n**No model is loaded now**: `/health` says why; rows are shown in a general form."
    contract = model.manifest.contract
    return (
        f"{text}\nRows are those of **{model.version}** ({contract.task} of `{contract.target}`), the stable version; "
        "another version, requested by `model_version`, may take others: see `/model/info?model_version=`."
    )


def _name(rule: Rule) -> str:
    """An operation's name, for generators of clients: the path's words."""
    return "_".join(re.findall(r"[A-Za-z0-9]+", rule.rule)) or "home"
