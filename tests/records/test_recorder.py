"""One recorder an application, whatever else runs in the process."""

import threading

import pytest

from service.app import create_app
from service.records import recorder
from service.records.recorder import Recorder
from service.records.spool.files import pending_bytes, spool_files, spool_folder
from tests.records.conftest import drain, make_record, spooled_lines, stored

ROW = {"feature_1": 0.1, "feature_2": 0.2, "feature_3": 0.3, "feature_4": 40.0, "feature_5": 5}
THREADS = 8


def predict(app, times):
    """The ids of the answers."""
    client = app.test_client()
    return [client.post("/predict", json=ROW).get_json()["prediction_id"] for _ in range(times)]


@pytest.mark.process
def test_two_applications_of_a_process_keep_their_records_apart(make_settings, trained, tmp_path):
    folders = {name: str(tmp_path / name) for name in ("plain", "redacted", "off")}
    plain = make_settings(VAR_DIR=folders["plain"], ARTIFACTS_DIR=str(trained))
    redacted = make_settings(VAR_DIR=folders["redacted"], ARTIFACTS_DIR=str(trained), RECORDS_REDACT="feature_1")
    off = make_settings(VAR_DIR=folders["off"], ARTIFACTS_DIR=str(trained), RECORDS="off")
    first, second, third = (create_app(settings) for settings in (plain, redacted, off))
    ids = predict(first, 2), predict(second, 3)
    predict(third, 1)
    ids = ids[0] + predict(first, 1), ids[1]
    recorder.close_all()
    for settings, answered in zip((plain, redacted), ids, strict=True):
        drain(settings)
        assert sorted(row["prediction_id"] for row in stored(settings)) == sorted(answered)
    assert {'"feature_1":0.1' in row["features"] for row in stored(plain)} == {True}
    assert {'"feature_1":null' in row["features"] for row in stored(redacted)} == {True}
    assert not spool_folder(off).exists()


def test_an_application_that_closes_leaves_the_other_one_open(no_shipper, make_settings, tmp_path):
    own = [make_settings(VAR_DIR=str(tmp_path / name)) for name in ("closed", "open")]
    closed, other = (Recorder(settings) for settings in own)
    closed.append(make_record())
    other.append(make_record())
    closed.close()
    other.append(make_record())
    assert [len(spool_files(spool_folder(settings))) for settings in own] == [1, 1]
    assert all(pending_bytes(spool_folder(settings)) for settings in own)


def test_the_first_records_of_several_threads_open_one_file(no_shipper, make_settings, tmp_path):
    for attempt in range(20):
        settings = make_settings(VAR_DIR=str(tmp_path / f"var-{attempt}"))
        records, barrier = Recorder(settings), threading.Barrier(THREADS)

        def first_request(records=records, barrier=barrier):
            record = make_record()
            barrier.wait()
            records.append(record)

        threads = [threading.Thread(target=first_request) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(spool_files(spool_folder(settings))) == 1
        assert len([line for line in spooled_lines(settings) if "prediction_id" in line]) == THREADS
