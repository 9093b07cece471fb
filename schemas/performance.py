"""The answer of GET /model/performance, for the documents."""

from marshmallow import fields

from schemas.answers import Answer


class VersionPerformance(Answer):
    """How one version does."""

    model_version = fields.String(required=True)
    task = fields.String(required=True)
    predictions = fields.Integer(required=True, metadata={"description": "Rows predicted within the window."})
    outcomes = fields.Integer(required=True, metadata={"description": "Those of them whose outcome is known."})
    accuracy = fields.Float(allow_none=True)
    log_loss = fields.Float(allow_none=True)
    confusion = fields.Dict(metadata={"description": "labels; matrix: a row a true label, a column a predicted one."})
    calibration = fields.Dict(
        allow_none=True, metadata={"description": "By the predicted class's probability: expected_error and bins."}
    )
    rmse = fields.Float(allow_none=True)
    mae = fields.Float(allow_none=True)
    mean_error = fields.Float(allow_none=True)


class PerformanceAnswer(Answer):
    """Live performance by version."""

    window = fields.String(required=True)
    since = fields.DateTime(required=True)
    until = fields.DateTime(required=True)
    versions = fields.List(fields.Nested(VersionPerformance), required=True)
