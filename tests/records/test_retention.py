"""Old records are deleted a little at a time, and only by a clock that can be trusted."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.records import recorder
from service.records.recorder import Recorder
from service.records.shipper import retention
from service.records.shipper.retention import CLOCK, Retention
from service.records.shipper.sinks import connect
from service.settings import Settings
from tests.records.conftest import drain, make_record, stored

DAY = 86_400.0
NOW = 1_800_000_000.0


class Clocks:
    """A time of day and a steady clock that a test moves."""

    def __init__(self, wall=NOW, steady=1000.0):
        self.wall, self.steady = wall, steady

    def run(self, seconds):
        self.wall += seconds
        self.steady += seconds


class Database:
    """Remembers what it was asked to delete; each pass deletes ``rows``."""

    def __init__(self, rows=0):
        self.rows, self.asked = rows, []

    def prune(self, before, most):
        self.asked.append((before, most))
        return self.rows


@pytest.fixture
def make(tmp_path):
    def start(clocks, seen=None, keep_days=30):
        if seen is not None:
            (tmp_path / CLOCK).write_text(str(seen))
        settings = Settings.read({"RECORDS_KEEP_DAYS": str(keep_days)})
        return Retention(settings, tmp_path, lambda: clocks.wall, lambda: clocks.steady)

    return start


def test_the_first_pass_waits_and_deletes_what_is_older_than_the_days(make):
    clocks, database = Clocks(), Database()
    kept = make(clocks, seen=NOW - 60)
    kept.tick(database)
    assert database.asked == []
    clocks.run(retention.FIRST_SECONDS)
    kept.tick(database)
    assert database.asked == [(clocks.wall - 30 * DAY, retention.PASS_ROWS)]


def test_a_pass_is_bounded_and_the_next_one_comes_soon_while_more_is_left(make):
    clocks, database = Clocks(), Database(retention.PASS_ROWS)
    kept = make(clocks, seen=NOW - 60)
    clocks.run(retention.FIRST_SECONDS)
    kept.tick(database)
    clocks.run(retention.MORE_SECONDS)
    database.rows = 7
    kept.tick(database)
    clocks.run(retention.MORE_SECONDS)
    kept.tick(database)
    assert len(database.asked) == 2
    clocks.run(retention.EVERY_SECONDS)
    kept.tick(database)
    assert len(database.asked) == 3


@given(days=st.one_of(st.floats(1.01, 40_000), st.floats(-40_000, -0.01)))
def test_a_clock_far_from_where_it_was_last_seen_deletes_nothing_for_a_day(tmp_path_factory, days):
    folder = tmp_path_factory.mktemp("clock")
    (folder / CLOCK).write_text(str(NOW))
    clocks, database = Clocks(NOW + days * DAY), Database()
    kept = Retention(Settings.read({}), folder, lambda: clocks.wall, lambda: clocks.steady)
    for _ in range(23):
        clocks.run(3600)
        kept.tick(database)
    assert database.asked == []
    assert float((folder / CLOCK).read_text()) == NOW, "it is still doubted after another start"
    clocks.run(3601)
    kept.tick(database)
    assert len(database.asked) == 1


@given(jump=st.one_of(st.floats(601, 1e9), st.floats(-1e9, -601)))
def test_a_clock_that_jumps_while_the_process_runs_deletes_nothing_for_a_day(tmp_path_factory, jump):
    folder = tmp_path_factory.mktemp("clock")
    (folder / CLOCK).write_text(str(NOW))
    clocks, database = Clocks(), Database()
    kept = Retention(Settings.read({}), folder, lambda: clocks.wall, lambda: clocks.steady)
    clocks.wall += jump
    for _ in range(23):
        kept.tick(database)
        clocks.run(3600)
    assert database.asked == []


def test_with_zero_days_nothing_is_deleted_and_no_word_said(make, capfd):
    clocks, database = Clocks(), Database()
    kept = make(clocks, seen=NOW - 900 * DAY, keep_days=0)
    for _ in range(30):
        clocks.run(DAY)
        kept.tick(database)
    assert database.asked == []
    assert "records_prune_waits" not in capfd.readouterr().out


@pytest.mark.process
def test_a_start_with_the_clock_a_hundred_days_ahead_keeps_every_record(serve, make_settings, tmp_path):
    settings = make_settings(RECORDS_KEEP_DAYS="30")
    records = Recorder(settings)
    records.open()
    for _ in range(40):
        records.append(make_record(time=time.time() - 100 * DAY))  # of a moment ago, by a clock that is right
    recorder.close_all()
    drain(settings)
    (tmp_path / "var" / "spool" / CLOCK).write_text(str(time.time() - 100 * DAY))
    server = serve(RECORDS_KEEP_DAYS="30")
    server.until(lambda: len(server.events("records_prune_waits")) == 1)
    assert "last seen" in server.events("records_prune_waits")[0]["reason"]
    server.stop()
    assert len(stored(settings)) == 40


def test_the_database_deletes_what_is_older_and_no_more_than_asked(make_settings):
    settings = make_settings()
    records = Recorder(settings)
    records.open()
    for days in (40, 35, 31, 1):
        records.append(make_record(time=time.time() - days * DAY))
    recorder.close_all()
    drain(settings)
    sink = connect(settings)
    try:
        assert sink.prune(time.time() - 30 * DAY, 0) == 0
        assert sink.prune(time.time() - 30 * DAY, 1000) == 3
    finally:
        sink.close()
    assert len(stored(settings)) == 1
