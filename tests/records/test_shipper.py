"""From the spool to the database, by real processes that are killed, locked out and started again."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from math import inf

import pytest

from service.locks import is_held
from service.records import recorder
from service.records.database.outcomes import Outcome
from service.records.recorder import Recorder
from service.records.shipper import sinks, supervisor
from service.records.shipper.loader import Loader
from service.records.shipper.sinks import SqliteSink
from service.records.spool.backlog import find_in_spool, pending_rows
from service.records.spool.files import SHIPPER_LOCK, count, oldest_pending, pending_bytes, read_counts, spool_files
from service.records.spool.writer import Writer
from tests.conftest import ROOT, clean_environment
from tests.records.conftest import (
    WAIT_SECONDS,
    drain,
    everything_shipped,
    make_record,
    record_when_free,
    stored,
    until,
)

pytestmark = pytest.mark.process


@pytest.fixture
def write(tmp_path):
    """Factory of writer programs, each with the file that it prints its answers to."""
    started = []

    def start(settings, count=100_000):
        answers = tmp_path / f"answers-{len(started)}"
        environment = clean_environment() | {"VAR_DIR": str(settings.var_dir), "DATABASE_URL": settings.database_url}
        with answers.open("wb") as output:
            command = [sys.executable, "-m", "tests.records.writing", str(count)]
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output)
        started.append(process)
        return process, answers

    yield start
    for process in started:
        process.kill()
        process.wait()


def answered(*files):
    """Every (prediction_id, row) that a client has an answer for."""
    lines = [line.split() for output in files for line in output.read_text().splitlines() if line[:1] != "{"]
    return [(line[0], row) for line in lines if len(line) == 2 for row in range(int(line[1]))]


def keys(settings):
    return [(row["prediction_id"], row["row_index"]) for row in stored(settings)]


def shipper_of(settings):
    path = settings.var_dir / "spool" / SHIPPER_LOCK
    return int((path.read_bytes().split() or [b"0"])[0]) if is_held(path) else None


def test_a_killed_worker_loses_no_record_and_duplicates_none(make_settings, write):
    settings = make_settings()
    (first, answers_first), (second, answers_second) = write(settings), write(settings)
    until(lambda: len(answered(answers_first)) > 500 and len(answered(answers_second)) > 500 and stored(settings))
    first.kill()
    second.kill()
    first.wait()
    second.wait()
    until(lambda: everything_shipped(settings))
    recorded, acknowledged = keys(settings), answered(answers_first, answers_second)
    assert len(recorded) == len(set(recorded))
    assert set(acknowledged) <= set(recorded)
    assert len(set(recorded) - set(acknowledged)) <= 6, "more than the answers that were on their way"


def test_a_killed_shipper_is_replaced_and_ships_nothing_twice(make_settings, write):
    settings = make_settings()
    process, answers = write(settings)
    killed = set()

    def kill_it():
        pid = shipper_of(settings)
        if pid and pid not in killed and stored(settings):
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)
        return len(killed) == 2

    until(kill_it)
    process.terminate()
    assert process.wait(WAIT_SECONDS) == 0
    until(lambda: everything_shipped(settings))
    assert sorted(keys(settings)) == sorted(answered(answers))


def test_a_locked_database_costs_no_answer_and_no_record(make_settings, write):
    settings = make_settings()
    records = Recorder(settings)
    records.open()
    records.append(make_record())
    until(lambda: stored(settings))
    blocker = sqlite3.connect(settings.var_dir / "predictions.db", WAIT_SECONDS, isolation_level=None)
    blocker.execute("BEGIN EXCLUSIVE")
    process, answers = write(settings, 300)
    assert process.wait(WAIT_SECONDS) == 0, "the writer waited for the database"
    acknowledged = answered(answers)
    assert len(acknowledged) == 600
    blocker.execute("ROLLBACK")
    blocker.close()
    recorder.close_all()
    until(lambda: everything_shipped(settings))
    assert set(acknowledged) < set(keys(settings))
    assert read_counts(settings.var_dir / "spool").lost == 0


def test_a_restart_ships_the_backlog_of_the_last_run(make_settings, monkeypatch):
    settings = make_settings()
    with monkeypatch.context() as off:
        off.setattr(supervisor, "start", lambda *_: None)
        records = Recorder(settings)
        records.open()
        records.append(make_record(5))
        recorder.close_all()
    assert not stored(settings)
    recorder.prepare(settings)
    until(lambda: len(stored(settings)) == 5)


def test_a_line_cut_off_by_a_kill_is_left_out_and_the_rest_shipped(make_settings, monkeypatch):
    settings = make_settings()
    with monkeypatch.context() as off:
        off.setattr(supervisor, "start", lambda *_: None)
        records = Recorder(settings)
        records.open()
        for _ in range(3):
            records.append(make_record())
        recorder.close_all()
    (path,) = spool_files(settings.var_dir / "spool")
    path.write_bytes(path.read_bytes()[:-40])
    drain(settings)
    assert len(stored(settings)) == 2
    assert not spool_files(settings.var_dir / "spool")


def test_drain_brings_everything_to_the_database_and_ends_the_shipper(make_settings):
    settings = make_settings()
    recorder.prepare(settings)
    records = Recorder(settings)
    records.open()
    records.append(make_record(1000))
    recorder.close_all()
    drain(settings)
    assert len(stored(settings)) == 1000
    assert everything_shipped(settings)


def test_the_columns_hold_the_features_and_the_answer(make_settings):
    settings = make_settings(RECORDS_REDACT="age")
    record = make_record(20)
    records = Recorder(settings)
    records.open()
    records.append(record)
    recorder.close_all()
    drain(settings)
    rows = stored(settings)
    assert [row["row_index"] for row in rows] == list(range(20))
    assert [row["prediction"] for row in rows] == record.answers.predictions
    assert [row["probability"] for row in rows] == record.answers.probabilities.max(axis=1).tolist()
    assert rows[0]["time"].endswith("Z")
    (model,) = sqlite3.connect(settings.var_dir / "predictions.db").execute("SELECT classes FROM models").fetchall()
    assert model == ('["no","yes"]',)
    assert all('"age":null' in row["features"] for row in rows)


def test_a_row_that_the_database_refuses_is_quarantined_and_the_rest_shipped(make_settings):
    settings = make_settings()
    records = Recorder(settings)
    records.open()
    good, bad = make_record(2), make_record(1, latency_ms=None)
    for record in (good, bad, make_record(1)):
        records.append(record)
    recorder.close_all()
    drain(settings)
    assert len(stored(settings)) == 3
    assert read_counts(settings.var_dir / "spool").lost == 1
    assert bad.prediction_id in (settings.var_dir / "spool" / "refused.txt").read_text()


DAMAGED = [
    b"garbage",
    b"\x00" * 300,
    b'{"prediction_id":"cut short',
    b'{"prediction_id":"nothing more"}',
    b'{"model":}',
    b'{"model":{"version":"m","contract":{"features":[1]},"classes":[]}}',
    b"[]",
]


def test_damaged_lines_are_quarantined_and_the_lines_behind_them_shipped(make_settings):
    settings = make_settings()
    folder = settings.var_dir / "spool"
    first, second, orphan = make_record(2), make_record(1), make_record(3, model_version="nobody-knows-1")
    records = Recorder(settings)
    records.open()
    for record in (first, orphan, second):
        records.append(record)
    with_model = next(path for path in spool_files(folder) if path.stat().st_size)
    lines = with_model.read_bytes().split(b"\n")[:-1]
    recorder.close_all()
    drain(settings)
    assert len(stored(settings)) == 6

    def wrong(**values):
        return json.dumps(json.loads(lines[1]) | {"prediction_id": "wrong"} | values).encode()

    damaged = [*DAMAGED, wrong(time=1e30), wrong(rows=5), wrong(predictions=[{}, {}]), wrong(client=None)]
    damaged += [wrong(chosen=[9, 9]), wrong(rows=[["a"] * 4] * 2), wrong(model_version=[]), wrong(probabilities=[])]
    again = [line.replace(first.prediction_id.encode(), b"behind-it") for line in lines[:2]]
    (folder / "00000000000000000001-1.jsonl").write_bytes(b"\n".join([*damaged, *again]) + b"\n")
    # A file whose first line, that of the model, is lost; another file knows the model.
    alone = lines[-1].replace(second.prediction_id.encode(), b"without-its-model")
    (folder / "00000000000000000002-1.jsonl").write_bytes(b"lost\n" + alone + b"\n")
    assert pending_rows(folder) >= 3 and oldest_pending(folder) is not None
    assert find_in_spool(folder, ["behind-it", "wrong", "nothing more"])[0]["behind-it"].rows == 2
    drain(settings)
    assert not spool_files(folder)
    shipped = {row["prediction_id"] for row in stored(settings)}
    assert {"behind-it", "without-its-model"} <= shipped and not shipped & {"wrong", "nothing more"}
    quarantined = (folder / "refused.txt").read_bytes().split(b"\n")[:-1]
    assert quarantined == [*damaged, b"lost"]
    assert read_counts(folder).lost == 2 * 8 + 1  # one has nothing more than its prediction_id


def test_a_database_that_is_deleted_is_made_anew_and_nothing_goes_to_the_old_one(make_settings):
    settings = make_settings()
    path = settings.var_dir / "predictions.db"
    recorder.prepare(settings)
    records = Recorder(settings)
    records.open()
    before, after = make_record(1), make_record(2)
    records.append(before)
    until(lambda: stored(settings))
    assert record_when_free(settings, [Outcome(before.prediction_id, 0, "yes")]) == 1
    for one in path.parent.glob("predictions.db*"):
        one.unlink()
    records.append(after)
    until(lambda: len(stored(settings)) == 2)
    until(lambda: read_counts(path.parent / "spool").lost == 1)  # what went with the file
    outcomes = [Outcome(after.prediction_id, row, "yes") for row in range(2)]
    assert record_when_free(settings, outcomes) == 2
    assert len(stored(settings, "feedback")) == 2
    recorder.close_all()
    drain(settings)


def test_a_line_whose_bytes_were_changed_since_it_was_written_is_counted_with_its_rows(make_settings):
    settings = make_settings()
    folder = settings.var_dir / "spool"
    sinks.ensure_schema(settings)
    writer = Writer(folder, frozenset())
    writer.open()
    for rows in (1, 4, 2):
        writer.append(make_record(rows))
    writer.close()
    (path,) = spool_files(folder)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b'"request_id":"', b'"reque\xff\xff_id":"')
    path.write_bytes(b"".join(lines))
    sink = SqliteSink(settings)
    assert Loader(folder).load(sink, inf)
    sink.close()
    assert (len(stored(settings)), read_counts(folder).lost) == (3, 4)


def test_the_files_of_a_deleted_spool_are_shipped_by_whoever_has_them_open(make_settings):
    settings = make_settings()
    folder = settings.var_dir / "spool"
    sinks.ensure_schema(settings)
    writer, sink, loader = Writer(folder, frozenset()), SqliteSink(settings), Loader(folder)
    writer.open()
    writer.append(make_record(1))
    assert loader.load(sink, inf)
    writer.append(make_record(1))
    shutil.rmtree(folder)
    writer.append(make_record(1))
    assert loader.load(sink, inf) and not loader.is_empty()  # its writer goes on
    assert len(stored(settings)) == 3
    assert writer.reopen_if_deleted()
    writer.append(make_record(1))
    assert loader.load(sink, inf)
    assert len(stored(settings)) == 4
    writer.close()
    assert loader.load(sink, inf) and loader.is_empty() and not spool_files(folder)
    sink.close()


def test_a_deleted_spool_is_written_again_by_the_workers_where_no_shipper_had_it_open(make_settings):
    settings = make_settings()
    folder = settings.var_dir / "spool"
    sinks.ensure_schema(settings)
    writer = Writer(folder, frozenset())
    writer.open()
    for rows in (1, 3):
        writer.append(make_record(rows))
    shutil.rmtree(folder)
    assert writer.reopen_if_deleted() and not writer.reopen_if_deleted()
    writer.append(make_record(2))
    writer.close()
    sink = SqliteSink(settings)
    assert Loader(folder).load(sink, inf)
    sink.close()
    assert (len(stored(settings)), read_counts(folder).lost) == (6, 0)


def test_rows_that_cannot_be_counted_on_a_broken_disk_are_counted_later(make_settings):
    folder = make_settings().var_dir / "spool"
    folder.mkdir(parents=True)
    (folder / "counts").mkdir()  # it cannot be opened
    count(folder, shipped=2, lost=3)
    count(folder, lost=1)
    (folder / "counts").rmdir()
    assert read_counts(folder).lost == 0
    count(folder)
    assert (read_counts(folder).shipped, read_counts(folder).lost) == (2, 4)


def test_a_pass_that_is_cut_short_loses_nothing_and_the_next_one_goes_on(make_settings):
    settings = make_settings()
    folder = settings.var_dir / "spool"
    sinks.ensure_schema(settings)
    writer = Writer(folder, frozenset())
    writer.open()
    for _ in range(3):
        writer.append(make_record(1))
    writer.close()
    sink, loader = SqliteSink(settings), Loader(folder)
    assert not loader.load(sink, 0.0)
    assert pending_rows(folder) == 3
    assert loader.load(sink, inf)
    assert spool_files(folder) == []
    assert len(stored(settings)) == 3
    sink.close()


def test_a_worker_that_is_never_idle_does_not_hold_up_the_records_of_the_others(make_settings):
    settings = make_settings()
    folder = settings.var_dir / "spool"
    sinks.ensure_schema(settings)
    busy, quiet = Writer(folder, frozenset()), Writer(folder, frozenset())
    for writer in (busy, quiet):
        writer.open()
        writer.append(make_record(1))

    class Answering(SqliteSink):
        """While it writes, the first worker answers the next request."""

        writes = 0

        def write(self, models, rows):
            self.writes += 1
            assert self.writes < 50
            busy.append(make_record(1))
            return super().write(models, rows)

    sink = Answering(settings)
    assert Loader(folder).load(sink, inf)
    assert len(stored(settings)) == 2
    sink.close()
    for writer in (busy, quiet):
        writer.close()
    drain(settings)
    assert len(stored(settings)) == 4


def test_a_shipper_left_over_with_other_settings_is_replaced(make_settings, tmp_path):
    old = make_settings(DATABASE_URL="postgresql://nobody@127.0.0.1:9/none")
    recorder.prepare(old)
    records = Recorder(old)  # and stays open: the old shipper has a writer, and no reason to leave
    records.open()
    record = make_record(2)
    records.append(record)
    until(lambda: shipper_of(old))
    before = shipper_of(old)
    recorder.prepare(old)
    assert shipper_of(old) == before, "one with the same settings stays"
    new = make_settings(DATABASE_URL=f"sqlite:///{tmp_path / 'moved.db'}")

    def replaced():
        recorder.prepare(new)  # again, where a busy machine took long to end the old one
        return (tmp_path / "moved.db").exists() and not pending_bytes(new.var_dir / "spool")

    until(replaced)
    assert shipper_of(new) != before
    with sqlite3.connect(tmp_path / "moved.db") as connection:
        found = connection.execute("SELECT prediction_id FROM predictions").fetchall()
    assert found == [(record.prediction_id,)] * 2
    recorder.close_all()
    drain(new)


@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="no virtual environment: there is one Python only")
def test_where_python_is_embedded_records_are_shipped_by_the_python_of_the_environment(make_settings, monkeypatch):
    """uWSGI names the Python that the virtual environment was made from, which has no packages."""
    base = os.path.realpath(sys.executable)
    monkeypatch.setattr(sys, "executable", base)
    settings = make_settings()
    records = Recorder(settings)
    records.open()
    record = make_record()
    records.append(record)
    until(lambda: keys(settings) == [(record.prediction_id, 0)])
