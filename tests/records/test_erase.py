"""A person's records are removed from the spool and the database, and nobody else's."""

import subprocess

import pytest
from click.testing import CliRunner

from service.cli.records import records_group
from service.records import recorder
from service.records.database.outcomes import Outcome
from service.records.erase import Whose, erase
from service.records.recorder import Recorder
from tests.records.conftest import drain, make_record, record_when_free, spooled_lines, stored, until


def _fill(settings, *clients):
    records = Recorder(settings)
    records.open()
    made = [make_record(2, client=client) for client in clients]
    for record in made:
        records.append(record)
    return records, made


def test_what_is_in_the_spool_alone_is_removed_while_its_writer_goes_on(no_shipper, make_settings):
    settings = make_settings()
    records, (theirs, _) = _fill(settings, "ann", "bob")
    erased = erase(settings, Whose(client="ann"))
    assert (erased.spooled, erased.records, erased.outcomes) == (2, 0, 0)
    assert b"ann" not in b"".join(path.read_bytes() for path in (settings.var_dir / "spool").iterdir())
    records.append(make_record(client="bob"))
    assert [line["client"] for line in spooled_lines(settings) if "client" in line] == ["bob", "bob"]
    assert theirs.prediction_id not in str(spooled_lines(settings))


def test_what_is_in_the_database_is_removed_with_its_outcomes_and_with_the_spool_s_copy(make_settings):
    settings = make_settings()
    records, (theirs, other, second) = _fill(settings, "ann", "bob", "ann")
    until(lambda: len(stored(settings)) == 6)
    for record in (theirs, other):
        outcome = Outcome(record.prediction_id, 0, record.answers.predictions[0])
        record_when_free(settings, [outcome])
    erased = erase(settings, Whose(client="ann"))
    assert (erased.records, erased.outcomes) == (4, 1)
    assert {row["client"] for row in stored(settings)} == {"bob"}
    assert [row["prediction_id"] for row in stored(settings, "feedback")] == [other.prediction_id]
    for record in (theirs, second):  # by another process: closing SQLite's files would release this one's locks on them
        found = subprocess.run(["grep", "-rla", record.prediction_id, str(settings.var_dir)], capture_output=True)
        assert found.stdout == b""
    records.append(make_record(client="bob"))
    until(lambda: len(stored(settings)) == 3)
    recorder.close_all()
    drain(settings)


def test_an_outcome_that_came_before_its_record_was_shipped_is_removed_too(no_shipper, make_settings):
    settings = make_settings()
    _, (theirs, other) = _fill(settings, "ann", "bob")
    for record in (theirs, other):
        record_when_free(settings, [Outcome(record.prediction_id, 0, record.answers.predictions[0])])
    erased = erase(settings, Whose(client="ann"))
    assert (erased.spooled, erased.outcomes) == (2, 1)
    assert [row["prediction_id"] for row in stored(settings, "feedback")] == [other.prediction_id]


def test_one_prediction_is_removed_and_said_by_the_command(make_settings, tmp_path):
    settings = make_settings()
    _, (theirs, other) = _fill(settings, "ann", "ann")
    recorder.close_all()
    drain(settings)
    run = CliRunner().invoke(
        records_group, ["erase", "--prediction", theirs.prediction_id], env={"VAR_DIR": str(settings.var_dir)}
    )
    assert run.exit_code == 0, run.output
    assert "2 rows and 0 outcomes" in run.output
    assert {row["prediction_id"] for row in stored(settings)} == {other.prediction_id}


@pytest.mark.parametrize("options", [[], ["--client", "ann", "--prediction", "x"]])
def test_it_must_be_said_whose_records(options, make_settings):
    run = CliRunner().invoke(records_group, ["erase", *options], env={"VAR_DIR": str(make_settings().var_dir)})
    assert run.exit_code == 2 and "--client NAME, or --prediction ID" in run.output


def test_postgresql_forgets_them_too(make_settings, postgres):
    settings = make_settings(DATABASE_URL=postgres.address)
    _, (_, other) = _fill(settings, "ann", "bob")
    recorder.close_all()
    drain(settings)
    erased = erase(settings, Whose(client="ann"))
    assert erased.records == 2
    assert erase(settings, Whose(prediction_id=other.prediction_id)).records == 2
