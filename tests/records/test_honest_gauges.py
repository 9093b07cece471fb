"""What is said about records is true whoever hangs: the lag, what is lost, and who else uses the folder."""

import json
import os
import signal
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.records import recorder
from service.records.recorder import Recorder
from service.records.shipper import supervisor
from service.records.spool.codec import encode_model, encode_record
from service.records.spool.files import oldest_pending, read_shipper
from service.settings import Settings
from tests.records.conftest import make_record, spooled_lines, stored

ROW = {"feature_1": 0.1, "feature_2": 0.2, "feature_3": 0.3, "feature_4": 40.0, "feature_5": 5}
process = pytest.mark.process


def gauge(server, name):
    lines = [line for line in server.ask_text("/metrics").splitlines() if line.startswith(f"{name} ")]
    return float(lines[0].split()[1])


@given(request_id=st.text(max_size=60), times=st.lists(st.floats(1e9, 2e9), min_size=1, max_size=4))
def test_the_oldest_pending_record_is_found_without_reading_it_whole(tmp_path_factory, request_id, times):
    folder = tmp_path_factory.mktemp("spool")
    for number, seconds in enumerate(sorted(times)):
        record = make_record(time=seconds, request_id=request_id)
        lines = b"\nnonsense\n" + encode_model(record) + encode_record(record)
        (folder / f"{int(seconds * 1e9):020d}-{number}.jsonl").write_bytes(lines)
    assert oldest_pending(folder) == min(times)


def test_a_shipper_that_beats_is_left_alone_and_one_that_does_not_is_ended(make_settings, monkeypatch, capfd):
    monkeypatch.setattr(supervisor, "STALL_SECONDS", 3.0)
    settings = make_settings()
    records = Recorder(settings)
    records.open()
    records.append(make_record())
    deadline = time.monotonic() + 120
    while not stored(settings):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    pid = read_shipper(settings.var_dir / "spool")[0]
    os.kill(pid, signal.SIGSTOP)
    for _ in range(3):
        records.append(make_record())
    while len(stored(settings)) < 4:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert read_shipper(settings.var_dir / "spool")[0] != pid
    recorder.close_all()
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines() if line.startswith("{")]
    assert [line["shipper"] for line in lines if line["event"] == "records_shipper_stalled"] == [pid]


@process
def test_the_lag_of_a_stopped_shipper_is_told_by_both_scrapes_and_the_shipper_is_replaced(serve, tmp_path):
    server = serve()
    server.until(lambda: server.ask("/predict", ROW)[0] == 200)
    server.until(lambda: 'records_total{state="shipped"} 1.0' in server.ask_text("/metrics"))
    pid = read_shipper(tmp_path / "var" / "spool")[0]
    os.kill(pid, signal.SIGSTOP)
    assert server.ask("/predict", ROW)[0] == 200
    server.until(lambda: gauge(server, "records_lag_seconds") > 2)
    assert gauge(server, "records_pending_bytes") > 100
    server.until(lambda: server.events("records_shipper_stalled"), seconds=120)
    server.until(lambda: gauge(server, "records_lag_seconds") == 0)
    assert len(stored(Settings.read({"VAR_DIR": str(tmp_path / "var")}))) == 2


@process
def test_health_names_records_that_are_being_lost_until_they_are_written_again(serve, small_disk):
    disk = small_disk("var", "64m")
    server = serve(WEB_CONCURRENCY="2", MONITOR_SECONDS="0")
    server.until_serving(2)
    assert server.ask("/health")[1]["status"] == "healthy"
    with (disk / "filler").open("wb", buffering=0) as filler:
        try:
            while True:
                filler.write(bytes(4096))
        except OSError:
            pass
    server.until(lambda: server.ask("/predict/batch", {"instances": [ROW] * 500})[0] == 200 and _degraded(server))
    assert [server.ask("/health")[0] for _ in range(8)] == [200] * 8, "it predicts"
    assert all(_degraded(server) for _ in range(8)), "whichever worker is asked"
    assert gauge(server, "records_losing") >= 1
    (disk / "filler").unlink()
    server.until(lambda: server.ask("/predict", ROW)[0] == 200 and server.ask("/health")[1]["status"] == "healthy")


def _degraded(server):
    health = server.ask("/health")[1]
    return health["status"] == "degraded" and "Records" in health["reason"]


@process
def test_a_second_service_on_one_folder_is_noticed_and_named(serve, tmp_path):
    first = serve()
    assert first.events("var_dir_shared") == []
    second = serve()
    (said,) = second.events("var_dir_shared")
    assert str(first.pid) in said["other"]
    second.stop()
    first.stop(signal.SIGKILL)
    assert serve().events("var_dir_shared") == [], "the lock ends with its holder"


def test_a_database_that_is_back_is_said_before_the_backlog_is_shipped(make_settings, tmp_path, capfd):
    """The database is away while records are written; the first transaction after that is enough to say it."""
    blocked = tmp_path / "away"
    blocked.touch()
    settings = make_settings(DATABASE_URL=f"sqlite:///{blocked}/records.db")
    records = Recorder(settings)
    records.open()
    for _ in range(300):
        records.append(make_record(50))
    deadline = time.monotonic() + 120
    found = ""
    while "records_database_gone" not in found:
        assert time.monotonic() < deadline
        found += capfd.readouterr().out
        time.sleep(0.1)
    blocked.unlink()
    while "records_database_back" not in found:
        assert time.monotonic() < deadline
        found += capfd.readouterr().out
        time.sleep(0.1)
    assert spooled_lines(settings), "the file stays until its writer leaves"
    recorder.close_all()
