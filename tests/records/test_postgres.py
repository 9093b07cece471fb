"""PostgreSQL, for real: stopped and started again under a writer, migrated by two hosts at once."""

import signal
import threading

import orjson
import pytest

from inference.contract import Contract, Feature
from inference.features import encode
from schemas.errors import StoreUnavailable
from service import metrics
from service.records import recorder
from service.records.database import connection
from service.records.database.outcomes import Outcome, record_outcomes
from service.records.recorder import Recorder
from service.records.shipper import sinks, supervisor
from service.records.spool.files import pending_bytes, read_counts
from tests.records.conftest import WAIT_SECONDS, drain, make_record, record_when_free, until

REQUESTS = 60
ROW = {"feature_1": 0.1, "feature_2": 0.2, "feature_3": 0.3, "feature_4": 40.0, "feature_5": 5}
pytestmark = [pytest.mark.process, pytest.mark.xdist_group("postgres")]


def test_a_stopped_database_costs_no_answer_and_no_record(postgres, make_settings):
    settings = make_settings(DATABASE_URL=postgres.address)
    folder = settings.var_dir / "spool"
    recorder.prepare(settings)
    records = Recorder(settings)
    records.open()
    records.append(make_record(3))
    until(lambda: read_counts(folder).shipped == 3)
    postgres.stop()
    for _ in range(200):
        records.append(make_record(2))
    recorder.close_all()
    supervisor.drain(settings, seconds=1)
    assert pending_bytes(folder) and read_counts(folder).lost == 0
    records = Recorder(settings)
    records.open()
    records.append(make_record(1))
    postgres.start()
    until(lambda: read_counts(folder).shipped == 404)
    assert postgres.query("SELECT count(*), count(DISTINCT (prediction_id, row_index)) FROM predictions") == [
        (404, 404)
    ]
    recorder.close_all()
    drain(settings)


def test_a_server_starts_without_its_database(postgres, make_settings):
    postgres.stop()
    settings = make_settings(DATABASE_URL=postgres.address)
    recorder.prepare(settings)
    records = Recorder(settings)
    records.open()
    records.append(make_record())
    recorder.close_all()
    postgres.start()
    until(
        lambda: (
            supervisor.drain(settings, seconds=5, until_shipped=True) or not pending_bytes(settings.var_dir / "spool")
        )
    )
    assert postgres.query("SELECT count(*) FROM predictions") == [(1,)]


def test_two_hosts_that_start_at_once_make_one_schema(postgres, make_settings, tmp_path):
    hosts = [make_settings(DATABASE_URL=postgres.address, VAR_DIR=str(tmp_path / f"host-{n}")) for n in range(2)]
    running = [supervisor.run_module("service.records.database.migrate", host) for host in hosts]
    assert [process.wait(WAIT_SECONDS) for process in running] == [0, 0]
    assert postgres.query("SELECT version_num FROM alembic_version") == [(sinks.HEAD,)]


def test_an_outcome_is_new_once(postgres, make_settings):
    settings = make_settings(DATABASE_URL=postgres.address)
    records = Recorder(settings)
    records.open()
    record = make_record(3)
    records.append(record)
    outcomes = [Outcome(record.prediction_id, row, "yes") for row in range(3)]
    assert [record_when_free(settings, given) for given in (outcomes[:1], outcomes[:1], outcomes)] == [1, 0, 2]
    recorder.close_all()
    drain(settings)
    assert record_when_free(settings, outcomes) == 0


def test_requests_do_not_wait_one_after_the_other_for_a_database_that_hangs(postgres, make_settings, monkeypatch):
    monkeypatch.setattr(connection, "_breakers", {})
    settings = make_settings(DATABASE_URL=postgres.address)
    records = Recorder(settings)
    records.open()
    record = make_record(1)
    records.append(record)
    outcome = [Outcome(record.prediction_id, 0, "yes")]
    assert record_when_free(settings, outcome) == 1
    waits = []

    def give_feedback():
        for _ in range(REQUESTS):  # all but the first are refused at once, or they would take WAIT_SECONDS twice
            try:
                record_outcomes(settings, outcome, "tester")
            except StoreUnavailable as exc:
                waits.append(int(exc.headers["Retry-After"]))

    postgres.signal(signal.SIGSTOP)
    try:
        client = threading.Thread(target=give_feedback, daemon=True)
        client.start()
        client.join(WAIT_SECONDS)
        assert len(waits) == REQUESTS and min(waits) >= 1
    finally:
        postgres.signal(signal.SIGCONT)
    monkeypatch.setattr(connection, "_breakers", {})
    assert record_when_free(settings, outcome) == 0


def test_a_query_that_hangs_is_cut_off(postgres, make_settings):
    settings = make_settings(DATABASE_URL=postgres.address)
    with pytest.raises(StoreUnavailable), connection.connected(settings, seconds=0.3) as connected:
        connected.exec_driver_sql("SELECT pg_sleep(60)")


def test_the_lag_is_reported_while_the_database_hangs(postgres, make_settings):
    settings = make_settings(DATABASE_URL=postgres.address)
    metrics.prepare(settings)
    recorder.prepare(settings)
    records = Recorder(settings)
    records.open()
    records.append(make_record(1))
    folder = settings.var_dir / "spool"
    until(lambda: read_counts(folder).shipped == 1)
    postgres.signal(signal.SIGSTOP)
    try:
        records.append(make_record(1))
        until(lambda: b"records_lag_seconds 0.0" not in metrics.exposition(settings))
    finally:
        postgres.signal(signal.SIGCONT)
    until(lambda: read_counts(folder).shipped == 2)
    recorder.close_all()
    drain(settings)


def test_columns_are_typed_for_queries(postgres, make_settings):
    settings = make_settings(DATABASE_URL=postgres.address)
    records = Recorder(settings)
    records.open()
    record = make_record(50)
    records.append(record)
    recorder.close_all()
    drain(settings)
    (row,) = postgres.query(
        "SELECT count(*), min(time) > now() - interval '5 minutes', count(*) FILTER (WHERE prediction = '\"yes\"'), "
        "bool_and((features->>'age')::float > 0) FROM predictions"
    )
    assert row == (50, True, record.answers.predictions.count("yes"), True)


def test_texts_and_unseen_categories_reach_the_database_whatever_they_hold(postgres, make_settings):
    contract = Contract(
        "classification",
        "y",
        (Feature("review", "text"), Feature("city", "category", choices=("Oslo",), unseen="accept")),
    )
    rows = [["zero \0 byte", "Oslo"], ['\U0001d11e\u2028"\\', "Par\0is"], ["", ""], ["x" * 10_000, "new"]]
    settings = make_settings(DATABASE_URL=postgres.address)
    recorder.prepare(settings)
    records = Recorder(settings)
    records.open()
    record = make_record(len(rows), rows=encode(contract, rows))
    record.contract = contract
    records.append(record)
    recorder.close_all()
    drain(settings)
    found = postgres.query("SELECT features::text FROM predictions ORDER BY row_index")
    assert [list(orjson.loads(text).values()) for (text,) in found] == rows


def test_predictions_go_on_while_the_database_hangs_and_questions_are_given_up_with_a_503(postgres, serve):
    server = serve(DATABASE_URL=postgres.address, WORKER_CLASS="gthread")
    server.until_serving(1)
    server.until(lambda: server.ask("/model/drift")[0] == 200)
    given = {}
    postgres.signal(signal.SIGSTOP)
    try:
        questions = [
            threading.Thread(target=lambda path=path: given.update({path: server.ask(path)}))
            for path in ("/model/drift", "/model/performance")
        ]
        for question in questions:
            question.start()
        while any(question.is_alive() for question in questions):
            assert server.ask("/predict", ROW)[0] == 200
        for status, problem in given.values():
            assert (status, problem["type"]) == (503, "urn:problem:records-unavailable")
        server.until(lambda: server.events("records_breaker_opened"))
        refused = server.ask("/feedback", {"prediction_id": "a", "outcome": 1})
        assert refused[0] == 503
        assert b'records_unavailable_total{reason="open"}' in server.ask_text("/metrics").encode()
    finally:
        postgres.signal(signal.SIGCONT)
    server.until(lambda: server.ask("/model/drift")[0] == 200, 120)
    assert server.events("records_breaker_closed")
