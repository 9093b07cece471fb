"""Drift over records of other settings, or of another artifact of the same name; performance as JSON."""

import json
import math
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from inference.engines.base import Answers
from inference.features import NULL
from inference.manifest import Manifest
from inference.performance import ClassificationTally, RegressionTally
from schemas.errors import StoreUnavailable
from service.records import recorder
from service.records.database import analysis
from service.records.database.analysis import VersionPerformance, drift
from service.records.database.connection import connected
from service.records.recorder import Recorder
from tests.records.conftest import drain, make_record
from training.default_model import make_frame

pytestmark = pytest.mark.process


def found(settings):
    now = datetime.now(UTC)
    return drift(settings, now - timedelta(hours=1), now + timedelta(hours=1))


@pytest.fixture
def record(make_settings, trained):
    """Record 400 rows of the default model as today's service does, then the other records; the settings."""

    def record(*others, blank=None, **environment):
        settings = make_settings(ARTIFACTS_DIR=str(trained), **environment)
        (folder,) = [path for path in trained.iterdir() if path.is_dir()]
        manifest = Manifest.read(folder)
        rows = make_frame(7, 400).drop(columns="target").to_numpy(dtype=float, copy=True)
        if blank is not None:
            rows[: len(rows) // 4, blank] = NULL  # as RECORDS_REDACT does
        own = make_record(1, rows=rows, answers=Answers([0, 1] * 200, None, None), model_version=folder.name)
        own.contract, own.classes = manifest.contract, manifest.classes
        records = Recorder(settings)
        records.open()
        records.append(own)
        for other in others:
            other.model_version = folder.name
            records.append(other)
        recorder.close_all()
        drain(settings)
        return settings

    return record


def test_a_feature_that_was_redacted_for_a_while_is_judged_on_what_was_recorded(record):
    (version,) = found(record(blank=1))
    assert version.verdict == "stable"
    assert sum(version.features[1].live) == 300 and sum(version.features[0].live) == 400


def test_a_feature_that_is_redacted_is_not_judged(record):
    (version,) = found(record(RECORDS_REDACT="feature_2"))
    assert [one.verdict for one in version.features] == ["stable", "not recorded", "stable", "stable", "stable"]


def test_a_window_with_more_rows_than_are_read_is_said_to_be_truncated(record, monkeypatch):
    settings = record()
    (whole,) = found(settings)
    assert (whole.rows, whole.truncated) == (400, False)
    monkeypatch.setattr(analysis, "MAX_ROWS", 300)
    (part,) = found(settings)
    assert (part.rows, part.truncated) == (300, True)
    assert sum(part.features[0].live) == 300
    monkeypatch.setattr(analysis, "MAX_VALUES", 5 * 150)
    (part,) = found(settings)
    assert part.rows < 300 and part.truncated


def test_a_question_that_takes_too_long_is_given_up_and_says_what_helps(record):
    settings = record()
    now = datetime.now(UTC)
    with pytest.raises(StoreUnavailable, match="shorter window"), connected(settings, seconds=0.1) as connection:
        connection.exec_driver_sql(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
        )
    assert drift(settings, now - timedelta(hours=1), now)[0].rows == 400, "the database is well: no breaker is open"


def test_rows_of_another_artifact_of_the_same_name_are_left_out(record):
    (version,) = found(record(make_record(300)))
    assert (version.rows, version.verdict) == (400, "stable")


def test_a_registered_model_is_judged_by_what_was_fetched_and_a_missing_one_is_named_without_its_place(
    record, trained, tmp_path
):
    settings = replace(record(MODEL_URI="models:/churn/3"), artifacts_dir=tmp_path / "none")
    (missing,) = found(settings)
    assert "churn%2F3/random_forest-1/manifest.json cannot be read" in missing.reason
    assert str(tmp_path) not in missing.reason
    cache = settings.var_dir / "registry" / "churn%2F3"
    shutil.copytree(trained / "random_forest-1", cache / "random_forest-1")
    (version,) = found(settings)
    assert (version.reason, version.verdict) == ("", "stable")


def test_performance_is_one_flat_object_in_json():
    tally = ClassificationTally(["no", "yes"])
    tally.add(["yes"], [[0.125, 0.875]], ["yes"])
    version = VersionPerformance("forest-1", "classification", 3, tally.performance())
    bin_ = {"from": 0.8, "to": 0.9, "count": 1, "mean_probability": 0.875, "accuracy": 1.0}
    assert json.dumps(version.to_json()) == json.dumps(
        {
            "model_version": "forest-1",
            "task": "classification",
            "predictions": 3,
            "outcomes": 1,
            "accuracy": 1.0,
            "log_loss": -math.log(0.875),
            "confusion": {"labels": ["no", "yes"], "matrix": [[0, 0], [0, 1]]},
            "calibration": {"expected_error": 0.125, "bins": [bin_]},
            "truncated": False,
        }
    )
    version = VersionPerformance("ridge-1", "regression", 0, RegressionTally().performance())
    names = ["model_version", "task", "predictions", "outcomes", "rmse", "mae", "mean_error", "truncated"]
    assert list(version.to_json()) == names
