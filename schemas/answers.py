"""The answers of the service, for the documents; tests hold the real answers to these schemas."""

from typing import Any

from marshmallow import Schema, fields


class Answer(Schema):
    """An answer of the service."""


def described(meaning: str, **more: Any) -> dict[str, Any]:
    """A field's arguments, with its meaning for the documents."""
    return {"metadata": {"description": meaning}, **more}


class RowAnswer(Answer):
    """The prediction of one row."""

    prediction = fields.Raw(
        **described("The predicted label in the type it was trained with, or a number.", required=True)
    )
    probability = fields.Float(**described("Of the predicted class; absent where the model has none."))
    probabilities = fields.List(
        fields.Float(), **described("Of each class, in the order of `classes`; with ?probabilities=true.")
    )


class _Facts(Answer):
    classes = fields.List(fields.Raw(), **described("The model's labels; with ?probabilities=true."))
    model_version = fields.String(**described("The version that answered.", required=True))
    timestamp = fields.DateTime(**described("UTC, milliseconds.", required=True))
    prediction_id = fields.String(**described("Names this answer, for feedback; made by the server.", required=True))


class PredictionAnswer(RowAnswer, _Facts):
    """The answer to one row."""


class BatchAnswer(_Facts):
    """The answers to many rows, in their order."""

    predictions = fields.List(fields.Nested(RowAnswer), **described("One for each row, in order.", required=True))
    count = fields.Integer(**described("How many.", required=True))


class HealthAnswer(Answer):
    """The state of the worker that answers."""

    status = fields.String(
        **described("healthy, degraded (serving another version than the wanted one) or unhealthy.", required=True)
    )
    model_loaded = fields.Boolean(**described("Whether it can predict.", required=True))
    model_version = fields.String(**described("The stable version.", required=True, allow_none=True))
    model_accuracy = fields.Float(
        **described("On held-out data; null for a regression.", required=True, allow_none=True)
    )
    model_metric = fields.Dict(**described("The model's main metric, and its value on held-out data."))
    engine = fields.String(**described("onnx or sklearn."))
    reason = fields.String(**described("Why it is not healthy."))
    worker = fields.Integer(**described("The process id of the worker that answers.", required=True))


class LiveAnswer(Answer):
    """The process answers."""

    status = fields.String(**described("alive", required=True))


class Route(Answer):
    """One route."""

    method = fields.String(required=True)
    path = fields.String(required=True)
    purpose = fields.String(required=True)


class HomeAnswer(Answer):
    """What this service is."""

    service = fields.String(required=True)
    version = fields.String(required=True)
    model_version = fields.String(required=True, allow_none=True)
    documentation = fields.String(required=True)
    routes = fields.List(fields.Nested(Route), required=True)


class ModelVersion(Answer):
    """One loaded version."""

    model_version = fields.String(required=True)
    algorithm = fields.String(required=True)
    created = fields.DateTime(required=True)
    engine = fields.String(required=True)
    sha256 = fields.String(
        **described("Of the artifact: the digest of its manifest, which holds the hash of every file.", required=True)
    )


class LoadedVersion(ModelVersion):
    """One loaded version and what it is used for."""

    roles = fields.List(fields.String(), required=True)


class LimitsAnswer(Answer):
    """What a request may hold."""

    rows = fields.Integer(**described("Most rows of a batch: MAX_BATCH_ROWS.", required=True))
    bytes = fields.Integer(**described("Most bytes of a body: MAX_BODY_BYTES.", required=True))


class ModelInfoAnswer(ModelVersion):
    """The facts of a model."""

    task = fields.String(required=True)
    target = fields.String(required=True)
    classes = fields.List(fields.Raw(), required=True)
    hyperparameters = fields.Dict(required=True)
    metrics = fields.Dict(required=True)
    training = fields.Dict(required=True)
    features = fields.List(fields.Dict(), required=True)
    libraries = fields.Dict(required=True)
    engine_reason = fields.String(required=True)
    limits = fields.Nested(LimitsAnswer, required=True)
    versions = fields.List(fields.Nested(LoadedVersion), required=True)


class DocumentAnswer(Answer):
    """An OpenAPI document."""

    openapi = fields.String(required=True)
    info = fields.Dict(required=True)
    paths = fields.Dict(required=True)
    components = fields.Dict(required=True)
