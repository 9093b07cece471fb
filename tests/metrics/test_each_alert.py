"""Alerts on a real Prometheus, one cause after the other: each fires alone, and resolves when its cause is gone."""

import itertools
import json
import os
import shutil
import signal
import threading
import urllib.request

import pytest

from benchmarks.faults import service as faults
from benchmarks.faults.programs import Proxy
from inference.manifest import Manifest
from inference.routing import Routing, write_routing
from service.records.spool.files import read_shipper
from tests.metrics.test_prometheus import Repeating, copy_artifact, prometheus  # noqa: F401 - a fixture
from tests.models.conftest import FIRST
from tests.services import redis_server, unused_port  # noqa: F401 - a fixture
from training.default_model import make_frame

pytestmark = [
    pytest.mark.process,
    pytest.mark.slow,
    pytest.mark.skipif(os.environ.get("EVERY_STRANGER") != "1", reason="minutes long; `make full` runs it"),
]
CANARY = "random_forest-2"
UNWATCHED = {"MONITOR_SECONDS": "0"}
"""One row again and again is a drift, which is not what these tests are about."""
FREE = 256 * 2**20
"""How much a file takes of the disk, so that less is free than the alert wants."""


@pytest.fixture
def row():
    return json.loads(make_frame(5, 1).drop(columns="target").to_json(orient="records"))[0]


def alone(watcher, name, also=frozenset()):
    """Wait until this alert fires; nothing else may fire than what has the same cause by its nature."""
    watcher.until(lambda firing: name in firing, name)
    assert watcher.firing() - {name} <= set(also), watcher.firing()


def silent(watcher, after):
    watcher.until(lambda firing: not firing, f"after {after}")


def test_redis_away_then_slow(serve, prometheus, redis_server, row):  # noqa: F811 - fixtures
    address, redis = f"127.0.0.1:{unused_port()}", redis_server()
    proxy = Proxy(redis.port)
    limits = {
        "RATE_LIMIT": "1000000/minute",
        "REDIS_URL": f"redis://127.0.0.1:{proxy.port}/0",
        "CACHE": "redis",
    } | UNWATCHED
    server, watcher = serve(METRICS_BIND=address, **limits), prometheus(address, instead={})
    asking = Repeating(lambda: server.ask("/predict", row))
    redis.stop()
    alone(watcher, "RedisAway", {"RedisSlow"})
    redis.start()
    silent(watcher, "Redis is back")
    proxy.delay = 0.1
    alone(watcher, "RedisSlow")
    proxy.delay = 0.0
    silent(watcher, "Redis is quick")
    asking.stop()
    proxy.stop()


def test_a_disk_that_fills_up_and_a_spool_that_grows(serve, prometheus, tmp_path, row):  # noqa: F811 - a fixture
    address, var = f"127.0.0.1:{unused_port()}", tmp_path / "var"
    server = serve(METRICS_BIND=address, **UNWATCHED)
    enough = shutil.disk_usage(var).free - FREE
    watcher = prometheus(address, instead={"1073741824": str(enough), "268435456": "20000"})
    with (var / "ballast").open("wb") as ballast:
        os.posix_fallocate(ballast.fileno(), 0, 2 * FREE)
        alone(watcher, "DiskLow")
    (var / "ballast").unlink()
    silent(watcher, "there is room")
    asking = Repeating(lambda: server.ask("/predict", row))
    os.kill(stopped := read_shipper(var / "spool")[0], signal.SIGSTOP)
    alone(watcher, "SpoolGrowing")
    os.kill(stopped, signal.SIGCONT)
    silent(watcher, "the shipper goes on")
    asking.stop()


def test_log_lines_that_nobody_reads(trained, prometheus, tmp_path, row):  # noqa: F811 - a fixture
    address, work = f"127.0.0.1:{unused_port()}", tmp_path / "service"
    work.mkdir()
    reading = threading.Event()
    reading.set()
    given = {"ARTIFACTS_DIR": str(trained), "METRICS_BIND": address, "WEB_CONCURRENCY": "1"} | UNWATCHED
    service = faults.Service(unused_port(), work, given, log_reader=reading)
    service.start()
    try:
        watcher = prometheus(address, instead={})
        body = json.dumps({"instances": [row]}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{service.port}/predict/batch", body, {"Content-Type": "application/json"}
        )

        def ask():
            with urllib.request.urlopen(request, timeout=60) as answer:
                assert answer.status == 200

        asking = [Repeating(ask) for _ in range(4)]
        reading.clear()
        alone(watcher, "LogLinesLost")
        reading.set()
        silent(watcher, "somebody reads the log")
        for one in asking:
            one.stop()
    finally:
        reading.set()
        service.stop()


def test_a_last_good_version_that_is_served_from_its_copy(serve, prometheus, artifacts, tmp_path):  # noqa: F811 - a fixture
    address = f"127.0.0.1:{unused_port()}"
    server = serve(METRICS_BIND=address, ARTIFACTS_DIR=str(artifacts))
    server.until(lambda: any((tmp_path / "var" / "last_good").glob("*/manifest.json")))
    watcher = prometheus(address, instead={})
    (graph,) = artifacts.glob("*/model.onnx")
    away = graph.rename(tmp_path / "model.onnx")
    os.kill(server.pid, signal.SIGHUP)
    alone(watcher, "LastGoodServed")
    shutil.copy(away, graph)
    silent(watcher, "the artifact is back")


def test_a_canary_that_is_more_often_wrong(serve, prometheus, artifacts):  # noqa: F811 - a fixture
    """Its answers are those of the stable version; what is reported as their outcome is not."""
    address = f"127.0.0.1:{unused_port()}"
    copy_artifact(artifacts / FIRST, artifacts, CANARY, Manifest.read(artifacts / FIRST).created)
    write_routing(artifacts, Routing(FIRST, CANARY, 0.5))
    server = serve(METRICS_BIND=address, ARTIFACTS_DIR=str(artifacts), MONITOR_SECONDS="1")
    watcher = prometheus(address, instead={})
    rows = itertools.cycle(json.loads(make_frame(5, 4000).drop(columns="target").to_json(orient="records")))

    def ask():
        answer = server.ask("/predict", next(rows))[1]
        outcome = answer["prediction"] if answer["model_version"] == FIRST else 1 - answer["prediction"]
        server.ask("/feedback", {"prediction_id": answer["prediction_id"], "outcome": outcome})

    asking = Repeating(ask)
    alone(watcher, "CanaryWorse", {"AccuracyDegraded"})
    write_routing(artifacts, Routing(FIRST))
    watcher.until(lambda firing: "CanaryWorse" not in firing, "the canary is withdrawn")
    asking.stop()


def test_a_database_that_is_away(serve, prometheus):  # noqa: F811 - a fixture
    address, nowhere = f"127.0.0.1:{unused_port()}", unused_port()
    server = serve(METRICS_BIND=address, DATABASE_URL=f"postgresql://somebody@127.0.0.1:{nowhere}/records")
    watcher = prometheus(address, instead={})
    outcome = {"prediction_id": "0" * 32, "row": 0, "outcome": 1}
    asking = Repeating(lambda: server.ask("/feedback", outcome))
    alone(watcher, "RecordsUnavailable")
    asking.stop()
    silent(watcher, "nobody asks")


def test_more_requests_than_can_be_answered_in_time(serve, prometheus):  # noqa: F811 - a fixture
    address = f"127.0.0.1:{unused_port()}"
    server, watcher = (
        serve(METRICS_BIND=address, OVERLOAD_MS="5", RECORDS="off", **UNWATCHED),
        prometheus(address, instead={}),
    )
    rows = json.loads(make_frame(5, 3000).drop(columns="target").to_json(orient="records"))
    crowd = [Repeating(lambda: server.ask("/predict/batch", {"instances": rows})) for _ in range(8)]
    alone(watcher, "Shedding", {"Saturated", "LatencyHigh"})
    for one in crowd:
        one.stop()
    silent(watcher, "the crowd has gone")
