"""GET /model/drift and GET /model/performance: the time window they take, and their answers for the documents."""

import re
from datetime import timedelta

from marshmallow import fields, validate

from schemas.answers import Answer, described
from schemas.errors import InvalidInput

WINDOW_PATTERN = "^([1-9][0-9]{0,5}m|[1-9][0-9]{0,3}h|[1-9][0-9]{0,2}d)$"
"""What the documents show: up to three years, a little less than ``read_window`` accepts."""
LONGEST_WINDOW = timedelta(days=3660)
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def window_field(default: str) -> fields.String:
    """The query parameter ``window`` for a document; ``default`` names the window of a request without one."""
    return fields.String(
        validate=validate.Regexp(WINDOW_PATTERN),
        metadata={"description": f"How far back to look: 30m, 24h, 7d; {default} where left out.", "example": "24h"},
    )


def read_window(text: str) -> timedelta:
    """Read a number of minutes, hours or days: 30m, 24h, 7d.

    Raises:
        InvalidInput: the text has another form, or the window is longer than ten years.
    """
    match = re.fullmatch(r"([1-9][0-9]{0,6})([mhd])", text)
    window = timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else None
    if window is None or window > LONGEST_WINDOW:
        raise InvalidInput({"window": ["Must be a number of minutes, hours or days, such as 30m, 24h or 7d."]}, 1)
    return window


class DriftFound(Answer):
    """What was found for one feature, or for the prediction."""

    name = fields.String(**described("The feature's name; prediction for the prediction itself.", required=True))
    verdict = fields.String(**described("stable, watch, alarm, too few rows or not recorded.", required=True))
    psi = fields.Float(
        **described("Population stability index; null where not judged.", required=True, allow_none=True)
    )
    p_value = fields.Float(
        **described("Of a two-sample chi-squared test on the same bins: how likely chance alone is.", allow_none=True)
    )
    bins = fields.List(fields.String(), **described("What each bin holds.", required=True))
    reference = fields.List(fields.Integer(), **described("Training rows in each bin.", required=True))
    live = fields.List(fields.Integer(), **described("Live rows in each bin.", required=True))


class VersionDriftAnswer(Answer):
    """The drift of one version."""

    model_version = fields.String(**described("The version.", required=True))
    rows = fields.Integer(**described("Live rows that were compared: the newest of the window.", required=True))
    verdict = fields.String(**described("The worst of all its features and the prediction.", required=True))
    truncated = fields.Boolean(**described("Whether the window has more rows than were compared.", required=True))
    reason = fields.String(**described("Why it could not be judged at all; empty where it could.", required=True))
    features = fields.List(fields.Nested(DriftFound), **described("In the order of the contract.", required=True))
    prediction = fields.Nested(DriftFound, **described("The prediction itself.", required=True, allow_none=True))


class DriftAnswer(Answer):
    """Live values against training, for each version that predicted within the window."""

    window = fields.String(**described("How far back the rows go.", required=True))
    since = fields.DateTime(**described("The window's start.", required=True))
    until = fields.DateTime(**described("The window's end.", required=True))
    minimum_rows = fields.Integer(**described("Fewer rows are not judged (DRIFT_ROWS).", required=True))
    most_rows = fields.Integer(**described("At most this many rows are compared, the newest ones.", required=True))
    thresholds = fields.Dict(**described("PSI of watch and alarm, and the p-value that both also need.", required=True))
    versions = fields.List(fields.Nested(VersionDriftAnswer), **described("By name.", required=True))


class VersionPerformance(Answer):
    """How one version does."""

    model_version = fields.String(required=True)
    task = fields.String(required=True)
    predictions = fields.Integer(**described("Rows predicted within the window.", required=True))
    outcomes = fields.Integer(**described("Those of them whose outcome is known, and was read.", required=True))
    truncated = fields.Boolean(
        **described(
            "Whether there may be more outcomes than were read: most_outcomes, or 5 s of reading.", required=True
        )
    )
    accuracy = fields.Float(allow_none=True)
    log_loss = fields.Float(allow_none=True)
    confusion = fields.Dict(**described("labels; matrix: a row a true label, a column a predicted one."))
    calibration = fields.Dict(
        **described("By the predicted class's probability: expected_error and bins.", allow_none=True)
    )
    rmse = fields.Float(allow_none=True)
    mae = fields.Float(allow_none=True)
    mean_error = fields.Float(allow_none=True)


class PerformanceAnswer(Answer):
    """Live performance by version."""

    window = fields.String(required=True)
    since = fields.DateTime(required=True)
    until = fields.DateTime(required=True)
    most_outcomes = fields.Integer(**described("At most this many outcomes are read, the newest.", required=True))
    versions = fields.List(fields.Nested(VersionPerformance), required=True)
