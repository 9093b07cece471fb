"""The write path: one line an answer, whatever happens to the disk or to the process."""

import os
import resource
import subprocess
import sys

import numpy as np
import pytest

from inference.engines.base import Answers
from service.records import recorder
from service.records.recorder import Recorder
from service.records.spool import writer
from service.records.spool.files import read_counts, spool_files
from tests.conftest import ROOT
from tests.records.conftest import WAIT_SECONDS, make_record, spooled_lines, unpacked, until

pytestmark = pytest.mark.usefixtures("no_shipper")  # these tests look into the spool itself


def records(settings):
    return [line for line in spooled_lines(settings) if "prediction_id" in line]


def test_an_answer_is_one_line_that_is_there_when_append_returns(make_settings):
    settings = make_settings()
    own = Recorder(settings)
    own.open()
    record = make_record(3)
    own.append(record)
    (line,) = records(settings)
    assert line["prediction_id"] == record.prediction_id
    assert line["predictions"] == record.answers.predictions
    np.testing.assert_array_equal(unpacked(line["rows"], 4), record.rows)
    np.testing.assert_array_equal(unpacked(line["probabilities"], 2), record.answers.probabilities)


def test_the_contract_stands_once_in_each_file_before_its_records(make_settings):
    settings = make_settings()
    own = Recorder(settings)
    own.open()
    for _ in range(3):
        own.append(make_record())
    own.append(make_record(model_version="forest-2"))
    kinds = [next(iter(line)) for line in spooled_lines(settings)]
    assert kinds == ["model", *["prediction_id"] * 3, "model", "prediction_id"]


def test_a_full_file_is_followed_by_the_next(make_settings, monkeypatch):
    monkeypatch.setattr(writer, "MAX_FILE_BYTES", 20_000)
    settings = make_settings()
    own = Recorder(settings)
    own.open()
    for _ in range(100):
        own.append(make_record())
    assert len(spool_files(settings.var_dir / "spool")) > 1
    assert len(records(settings)) == 100


def test_a_matrix_that_is_a_view_is_recorded_as_it_looks(make_settings):
    settings = make_settings()
    own = Recorder(settings)
    own.open()
    record = make_record(8)
    record.rows = record.rows[::2]
    record.answers = Answers(
        record.answers.predictions[::2], record.answers.probabilities[::2], record.answers.chosen[::2]
    )
    own.append(record)
    (line,) = records(settings)
    np.testing.assert_array_equal(unpacked(line["rows"], 4), record.rows)
    np.testing.assert_array_equal(unpacked(line["probabilities"], 2), record.answers.probabilities)


def test_redacted_features_never_reach_the_disk(make_settings):
    settings = make_settings(RECORDS_REDACT="age, member")
    own = Recorder(settings)
    own.open()
    record = make_record(2)
    own.append(record)
    (line,) = records(settings)
    recorded = unpacked(line["rows"], 4)
    assert np.isnan(recorded[:, [0, 3]]).all()
    np.testing.assert_array_equal(recorded[:, 1:3], record.rows[:, 1:3])
    assert not np.isnan(record.rows[:, 0]).any(), "the answer's own matrix was changed"


def test_a_sample_has_its_share_and_the_shadow_with_it(make_settings):
    settings = make_settings(RECORDS_SAMPLE="0.25")
    own = Recorder(settings)
    own.open()
    for _ in range(2000):
        record = make_record()
        own.append(record)
        record.role = "shadow"
        own.append(record)
    sample = records(settings)
    assert 0.2 < len(sample) / 4000 < 0.3
    assert len({line["prediction_id"] for line in sample}) * 2 == len(sample)


def test_without_records_nothing_is_written(make_settings):
    settings = make_settings(RECORDS="off")
    recorder.prepare(settings)
    own = Recorder(settings)
    own.open()
    own.append(make_record())
    assert {path.name for path in settings.var_dir.iterdir()} <= {"service.lock"}


def test_a_spool_that_cannot_be_made_costs_no_answer_and_heals(make_settings, capfd):
    settings = make_settings()
    settings.var_dir.mkdir(exist_ok=True)
    (settings.var_dir / "spool").write_text("a file where the folder should be")
    own = Recorder(settings)
    own.open()
    own.append(make_record())
    assert "records_lost" in capfd.readouterr().out
    (settings.var_dir / "spool").unlink()
    own.append(make_record())
    assert len(records(settings)) == 1


def test_what_cannot_be_encoded_is_counted_as_lost(make_settings):
    settings = make_settings()
    own = Recorder(settings)
    own.open()
    own.append(make_record(2, client=object()))
    assert read_counts(settings.var_dir / "spool").lost == 2


def test_a_deleted_file_is_begun_anew(make_settings, monkeypatch):
    monkeypatch.setattr(recorder, "WATCH_SECONDS", 0.01)
    settings = make_settings()
    own = Recorder(settings)
    own.open()
    (path,) = spool_files(settings.var_dir / "spool")
    path.unlink()
    until(lambda: spool_files(settings.var_dir / "spool"))
    own.append(make_record())
    assert len(records(settings)) == 1


def test_a_forked_child_writes_a_file_of_its_own(make_settings):
    settings = make_settings()
    own = Recorder(settings)
    own.open()
    child = os.fork()
    if not child:
        own = Recorder(settings)
        own.open()
        own.append(make_record())
        os._exit(0)
    os.waitpid(child, 0)
    own.append(make_record())
    names = [path.name for path in spool_files(settings.var_dir / "spool")]
    assert sorted(name.split("-")[1] for name in names) == sorted(f"{pid}.jsonl" for pid in (os.getpid(), child))
    assert len(records(settings)) == 2


def fill(folder, *arguments):
    program = [sys.executable, "-m", "tests.records.filling", str(folder), *arguments]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, timeout=WAIT_SECONDS)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.process
def test_a_file_size_limit_costs_no_answer_and_the_loss_is_counted_and_logged(tmp_path, make_settings):
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    output = fill(tmp_path / "var", "limited")
    assert "LOST 3000" in output and "records_lost" in output
    lines = records(make_settings())
    assert len(lines) == 20, "a record after the partial write is damaged"


@pytest.mark.process
def test_a_full_disk_costs_no_answer_and_the_loss_is_counted_and_logged(small_disk, make_settings):
    output = fill(small_disk("var", "64k"))
    assert "records_lost" in output
    lost = int(output.split("LOST ")[1])
    spooled = sum(len(line["predictions"]) for line in records(make_settings()))
    assert lost >= 3000 and lost + spooled == 3040
