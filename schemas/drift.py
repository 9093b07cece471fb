"""The answer of GET /model/drift, for the documents."""

from marshmallow import fields

from schemas.answers import Answer, said


class DriftFound(Answer):
    """What was found for one feature, or for the prediction."""

    name = fields.String(**said("The feature's name; prediction for the prediction itself.", required=True))
    verdict = fields.String(**said("stable, watch, alarm, too few rows or not recorded.", required=True))
    psi = fields.Float(**said("Population stability index; null where not judged.", required=True, allow_none=True))
    p_value = fields.Float(
        **said("Of a two-sample chi-squared test on the same bins: how likely chance alone is.", allow_none=True)
    )
    bins = fields.List(fields.String(), **said("What each bin holds.", required=True))
    reference = fields.List(fields.Integer(), **said("Training rows in each bin.", required=True))
    live = fields.List(fields.Integer(), **said("Live rows in each bin.", required=True))


class VersionDriftAnswer(Answer):
    """The drift of one version."""

    model_version = fields.String(**said("The version.", required=True))
    rows = fields.Integer(**said("Live rows that were looked at: the newest of the window.", required=True))
    verdict = fields.String(**said("The worst of all its features and the prediction.", required=True))
    reason = fields.String(**said("Why it could not be judged at all; empty where it could.", required=True))
    features = fields.List(fields.Nested(DriftFound), **said("In the order of the contract.", required=True))
    prediction = fields.Nested(DriftFound, **said("The prediction itself.", required=True, allow_none=True))


class DriftAnswer(Answer):
    """Live values against training, for each version that predicted within the window."""

    window = fields.String(**said("How far back the rows go.", required=True))
    since = fields.DateTime(**said("The window's start.", required=True))
    until = fields.DateTime(**said("The window's end.", required=True))
    minimum_rows = fields.Integer(**said("Fewer rows are not judged (DRIFT_ROWS).", required=True))
    most_rows = fields.Integer(**said("Only the newest so many rows are looked at.", required=True))
    thresholds = fields.Dict(**said("PSI of watch and alarm, and the p-value that both also need.", required=True))
    versions = fields.List(fields.Nested(VersionDriftAnswer), **said("By name.", required=True))
