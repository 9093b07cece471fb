"""``flask records ...`` as one types it."""

import csv
import json
from datetime import UTC, datetime

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from inference.contract import Contract, Feature
from inference.engines.base import Answers
from service.cli.records import records_group
from service.records import recorder
from service.records.database.outcomes import Outcome
from service.records.recorder import Recorder
from service.records.shipper import supervisor
from tests.records.conftest import drain, make_record, record_when_free, stored

pytestmark = pytest.mark.process


@pytest.fixture
def settings(make_settings):
    return make_settings(RECORDS_KEEP_DAYS="0")


@pytest.fixture
def flask_records(settings):
    """Runs a command on the same records."""

    def run(*arguments, code=0, **environment):
        given = {
            "VAR_DIR": str(settings.var_dir),
            "DATABASE_URL": settings.database_url,
            "RECORDS_KEEP_DAYS": "0",
        } | environment
        done = CliRunner(env=given).invoke(records_group, arguments)
        assert done.exit_code == code, done.output
        return done.output

    return run


def append(settings, *records):
    own = Recorder(settings)
    own.open()
    for record in records:
        own.append(record)
    recorder.close_all()


def test_an_export_where_a_version_s_name_was_used_twice_says_so(flask_records, settings, tmp_path):
    other = Contract("classification", "y", (Feature("age", "category", choices=("old", "young")),))
    codes = Answers(["no"], np.array([[1.0, 0.0]]), np.array([0]))
    old = make_record(1, contract=other, rows=np.array([[1.0]]), answers=codes)
    append(settings, old)
    drain(settings)
    append(settings, make_record(1))
    drain(settings)
    for name in ("x.csv", "x.parquet"):
        output = flask_records("export", "--to", str(tmp_path / name), code=1)
        assert "does not fit the contract" in output and "--until" in output
    assert not list(tmp_path.glob("*x.*"))
    assert "cannot be written" in flask_records("export", "--to", "/dev/full/x.csv", code=1)


def test_status_counts_the_backlog_and_ship_loads_it_into_the_database(settings, flask_records, monkeypatch):
    with monkeypatch.context() as off:
        off.setattr(supervisor, "start", lambda *_: None)
        append(settings, make_record(4, time=make_record().time - 60), make_record(3))
    output = flask_records("status")
    assert "7 rows wait" in output and "shipped   0" in output and "not running" in output
    lag = float(output.split("lag")[1].split()[0])
    assert lag > 59
    assert "Everything is in" in flask_records("ship")
    output = flask_records("status")
    assert "0 rows wait" in output and "shipped   7" in output and "lost      0" in output
    assert len(stored(settings)) == 7


def test_a_table_has_a_column_a_feature_and_the_outcome(settings, flask_records, tmp_path):
    record = make_record(6)
    append(settings, record)
    drain(settings)
    record_when_free(settings, [Outcome(record.prediction_id, 2, "yes")])
    assert "6 rows" in flask_records("export", "--to", str(tmp_path / "records.parquet"))
    table = pq.read_table(tmp_path / "records.parquet")
    rows = table.to_pylist()
    assert [row["feature.age"] for row in rows] == record.rows[:, 0].tolist()
    assert str(table.schema.field("feature.visits").type) == "int64"
    assert str(table.schema.field("feature.member").type) == "bool"
    assert [row["outcome"] for row in rows] == [None, None, "yes", None, None, None]
    assert rows[0]["probabilities"] == record.answers.probabilities[0].tolist()
    assert rows[0]["time"].timestamp() == pytest.approx(record.time, abs=0.001)

    flask_records("export", "--to", str(tmp_path / "records.csv"))
    with (tmp_path / "records.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["prediction"] for line in lines] == record.answers.predictions
    assert json.loads(lines[0]["probabilities"]) == rows[0]["probabilities"]
    assert {line["feature.city"] for line in lines} <= {"Köln", "Paris", ""}


def test_export_takes_a_window_and_a_version(settings, flask_records, tmp_path):
    times = [datetime(2026, 1, day, tzinfo=UTC).timestamp() for day in (1, 2, 3)]
    numbers = Contract("regression", "y", (Feature("x", "number"),))
    other = make_record(1, time=times[1], model_version="ridge-1", contract=numbers, rows=np.array([[1.0]]), classes=())
    other.answers = Answers([2.5], None, None)
    append(settings, *(make_record(1, time=time) for time in times), other)
    drain(settings)
    target = tmp_path / "some.parquet"
    assert "2 rows" in flask_records("export", "--to", str(target), "--since", "2026-01-02", "--until", "2026-01-03")
    table = pq.read_table(target).to_pylist()
    assert sorted(row["prediction"] for row in table) == sorted(["2.5", make_record().answers.predictions[0]])
    assert "1 rows" in flask_records("export", "--to", str(target), "--version", "ridge-1")
    (row,) = pq.read_table(target).to_pylist()
    assert (row["prediction"], row["feature.x"]) == (2.5, 1.0)
    assert "feature.age" not in row


def test_export_names_what_it_cannot_do(settings, flask_records, tmp_path):
    assert ".csv or .parquet" in flask_records("export", "--to", str(tmp_path / "records.xlsx"), code=2)
    append(settings, make_record())
    drain(settings)
    assert "cannot be written" in flask_records("export", "--to", str(tmp_path / "absent" / "a.csv"), code=1)
    output = flask_records("export", "--to", str(tmp_path / "a.csv"), code=1, DATABASE_URL=f"sqlite:///{tmp_path}")
    assert "DATABASE_URL" in output and "names a folder" in output and "Traceback" not in output
    assert not list(tmp_path.glob("*.csv")) and not list(tmp_path.glob(".*.part"))


def test_prune_deletes_what_is_older(settings, flask_records):
    append(settings, make_record(2, time=make_record().time - 10 * 86400), make_record())
    drain(settings)
    assert "Deleted 2 rows" in flask_records("prune", "--keep-days", "7")
    assert len(stored(settings)) == 1
    assert "--keep-days" in flask_records("prune", code=1, RECORDS_KEEP_DAYS="0")
