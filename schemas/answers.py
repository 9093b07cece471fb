"""What goes out, for the documents; tests hold the real answers against these."""

from typing import Any

from marshmallow import Schema, fields


class Answer(Schema):
    """An answer of the service."""


def said(meaning: str, **more: Any) -> dict[str, Any]:
    """A field's arguments, with what it means for the documents."""
    return {"metadata": {"description": meaning}, **more}


class RowAnswer(Answer):
    """What is said of one row."""

    prediction = fields.Raw(**said("The predicted label in the type it was trained with, or a number.", required=True))
    probability = fields.Float(**said("Of the predicted class; absent where the model has none."))


class _Facts(Answer):
    model_version = fields.String(**said("The version that answered.", required=True))
    timestamp = fields.DateTime(**said("UTC, milliseconds.", required=True))
    prediction_id = fields.String(**said("Names this answer, for feedback; made by the server.", required=True))


class PredictionAnswer(RowAnswer, _Facts):
    """The answer to one row."""


class BatchAnswer(_Facts):
    """The answers to many rows, in their order."""

    predictions = fields.List(fields.Nested(RowAnswer), **said("One for each row, in order.", required=True))
    count = fields.Integer(**said("How many.", required=True))


class HealthAnswer(Answer):
    """The state of the worker that was asked."""

    status = fields.String(**said("healthy, degraded (serving, but not what is wanted) or unhealthy.", required=True))
    model_loaded = fields.Boolean(**said("Whether it can predict.", required=True))
    model_version = fields.String(**said("The stable version.", required=True, allow_none=True))
    model_accuracy = fields.Float(**said("On held-out data; null for a regression.", required=True, allow_none=True))
    model_metric = fields.Dict(**said("The metric that tells most, and its value on held-out data."))
    engine = fields.String(**said("onnx or sklearn."))
    reason = fields.String(**said("Why it is not healthy."))


class LiveAnswer(Answer):
    """The process answers."""

    status = fields.String(**said("alive", required=True))


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
        **said("Of the artifact: the seal over its manifest and all its files' hashes.", required=True)
    )


class LoadedVersion(ModelVersion):
    """One loaded version and what it is used for."""

    roles = fields.List(fields.String(), required=True)


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
    versions = fields.List(fields.Nested(LoadedVersion), required=True)


class DocumentAnswer(Answer):
    """An OpenAPI document."""

    openapi = fields.String(required=True)
    info = fields.Dict(required=True)
    paths = fields.Dict(required=True)
    components = fields.Dict(required=True)
