"""The queries behind drift, performance and the dashboard."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from service.records import recorder
from service.records.database.analysis import performance
from service.records.database.connection import connected
from service.records.database.outcomes import Outcome
from service.records.database.queries import count_by_version, known_models, recent_rows
from service.records.recorder import Recorder
from tests.records.conftest import CLASSES, CONTRACT, drain, make_record, record_when_free

pytestmark = pytest.mark.process

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)


def record_some(settings):
    records = Recorder(settings)
    records.open()
    now = NOW.timestamp()
    records.append(make_record(4, time=now - 3 * 3600))
    records.append(make_record(2, time=now - 600))
    records.append(make_record(3, seed=1, time=now - 60))
    records.append(make_record(1, time=now - 60, model_version="forest-2", role="canary"))
    recorder.close_all()
    drain(settings)


def query(settings):
    with connected(settings) as connection:
        counts = count_by_version(connection, NOW - HOUR, NOW)
        rows = [row for chunk in recent_rows(connection, "forest-1", NOW - HOUR, NOW) for row in chunk]
        newest = [row for chunk in recent_rows(connection, "forest-1", NOW - HOUR, NOW, limit=3) for row in chunk]
        models = known_models(connection)
    return counts, rows, newest, models


def check(settings):
    record = make_record(3, time=NOW.timestamp() - 1)
    records = Recorder(settings)
    records.open()
    records.append(record)
    outcomes = [Outcome(record.prediction_id, row, label) for row, label in enumerate(record.answers.predictions)]
    other = "no" if outcomes[0].outcome == "yes" else "yes"
    record_when_free(settings, [replace(outcomes[0], outcome=other), *outcomes[1:]])
    recorder.close_all()
    drain(settings)
    first, second = performance(settings, NOW - HOUR, NOW)
    assert (first.predictions, first.measures.outcomes, first.measures.accuracy) == (8, 3, pytest.approx(2 / 3))
    assert (second.predictions, second.measures.outcomes, second.measures.accuracy) == (1, 0, None)
    counts, rows, newest, models = query(settings)
    assert counts == {"forest-1": 8, "forest-2": 1}
    assert sorted(models) == ["forest-1", "forest-2"]
    assert (models["forest-1"].contract, models["forest-1"].classes) == (CONTRACT, CLASSES)
    assert newest == rows[:3]
    assert {row.time for row in newest} == {rows[0].time} and rows[0].time > rows[-1].time
    ages = make_record(3).rows[:, 0].tolist()
    assert sorted(row.features["age"] for row in newest) == sorted(ages)
    assert {type(row.features["member"]) for row in rows} == {bool}
    assert {row.prediction for row in rows} <= set(CLASSES)


def test_the_rows_of_a_window_by_version_in_sqlite(make_settings):
    settings = make_settings()
    record_some(settings)
    check(settings)


@pytest.mark.xdist_group("postgres")
def test_the_rows_of_a_window_by_version_in_postgres(postgres, make_settings):
    settings = make_settings(DATABASE_URL=postgres.address)
    record_some(settings)
    check(settings)
