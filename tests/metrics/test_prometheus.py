"""The shipped rules, checked by promtool and by a real Prometheus that scrapes real services in and out of trouble."""

import http.client
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from inference.manifest import MANIFEST, Manifest
from service.metrics.catalogue import METRICS
from tests.conftest import ROOT
from tests.services import Service, program, unused_port
from training.default_model import make_frame

SHIPPED = ROOT / "deploy" / "prometheus"
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "dashboard.json").read_text())
pytestmark = pytest.mark.process

WINDOW = "8s"
LATE_SOON = {"records_lag_seconds) > 300": "records_lag_seconds) > 3"}
PATIENCE = 240


@pytest.mark.parametrize(
    "check",
    [
        ("check", "rules", "recording.yml", "alerts.yml"),
        ("check", "config", "prometheus.yml"),
        ("test", "rules", "tests.yml"),
    ],
    ids=" ".join,
)
def test_promtool_finds_nothing_wrong(check):
    command = [program("promtool", "prometheus"), *check]
    done = subprocess.run(command, cwd=SHIPPED, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_metric_that_the_rules_and_the_dashboard_query_exists():
    text = "".join((SHIPPED / name).read_text() for name in ("recording.yml", "alerts.yml"))
    queries = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    named = set(re.findall(r"(?<![:\w])([a-z]+_[a-z_]+)(?=[{\[)]| [<>=*-]| or )", "\n".join([*queries, text])))
    known = {name + suffix for name in METRICS for suffix in ("", "_bucket", "_sum", "_count")}
    functions = {"label_values", "histogram_quantile"}
    assert len(named) > 15
    assert named - known - functions - {"model_version"} == set()


class Prometheus(Service):
    """A Prometheus with the shipped rules, their times shortened."""

    def query(self, expression: str) -> list[dict]:
        """An instant query's result."""
        address = f"http://127.0.0.1:{self.port}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        with urllib.request.urlopen(address, timeout=10) as answer:
            return json.load(answer)["data"]["result"]

    def firing(self) -> set[str]:
        """The names of the alerts that fire."""
        return {found["metric"]["alertname"] for found in self.query('ALERTS{alertstate="firing"}')}

    def until(self, holds, what: str) -> None:
        """Wait until the firing alerts are as expected."""
        deadline = time.monotonic() + PATIENCE
        firing: set[str] = set()
        while True:
            with suppress(OSError):  # 503 while it starts
                if holds(firing := self.firing()):
                    return
            assert time.monotonic() < deadline, f"{what}; firing: {sorted(firing)}"
            time.sleep(0.3)


@pytest.fixture
def prometheus(tmp_path):
    """Factory: ``prometheus("127.0.0.1:9100", ...)`` scrapes those addresses every second.

    ``instead`` are parts of the rules that are replaced, so that a test need not wait for what they count.
    """
    started: list[Prometheus] = []

    def start(*targets: str, instead: Mapping[str, str] = LATE_SOON) -> Prometheus:
        folder, port = tmp_path / "prometheus", unused_port()
        folder.mkdir()
        for name in ("recording.yml", "alerts.yml"):
            text = (SHIPPED / name).read_text().replace("[5m]", f"[{WINDOW}]")
            for part, other in instead.items():
                assert name == "recording.yml" or part in text, part
                text = text.replace(part, other)
            (folder / name).write_text(re.sub(r"for: \w+", "for: 1s", text))
        config = (SHIPPED / "prometheus.yml").read_text().replace("15s", "1s")
        config = config.replace('["127.0.0.1:9100"]', json.dumps(targets))
        assert str(targets[0]) in config
        (folder / "prometheus.yml").write_text(config)
        command = [program("prometheus", "prometheus"), f"--config.file={folder}/prometheus.yml"]
        command += [f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}"]
        started.append(Prometheus(command, port, folder / "log"))
        started[-1].start()
        return started[-1]

    yield start
    for one in started:
        one.stop()


def copy_artifact(source: Path, root: Path, version: str, created: str) -> None:
    """The same model under another name and of another age."""
    folder = root / version
    aside = root / f".{version}"
    shutil.copytree(source, aside)
    manifest = replace(Manifest.read(source), version=version, created=created)
    (aside / MANIFEST).write_text(json.dumps(manifest.to_json()))
    aside.rename(folder)


class Repeating(threading.Thread):
    """Calls a function again and again until it is stopped; its OSErrors are ignored."""

    def __init__(self, act) -> None:
        super().__init__(daemon=True)
        self._act, self._stopped = act, threading.Event()
        self.start()

    def run(self) -> None:
        while not self._stopped.wait(0.05):
            try:
                self._act()
            except OSError:
                pass

    def stop(self) -> None:
        self._stopped.set()
        self.join(10)


def predict_slowly(url: str, row: dict) -> None:
    """Send as a slow client behind a proxy with a queue does: the body arrives late, the start was long ago."""
    body = json.dumps(row).encode()
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "X-Request-Start": f"t={time.time() - 2:.3f}",
    }
    with closing(http.client.HTTPConnection(url.partition("//")[2], timeout=30)) as connection:
        connection.putrequest("POST", "/predict")
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        time.sleep(0.9)
        connection.send(body)
        connection.getresponse().read()


def kill_workers(server) -> None:
    """As the kernel does when memory runs out; the master starts others."""
    for worker in server.workers:
        os.kill(worker, signal.SIGKILL)
    time.sleep(0.3)


def predict_many(server, frame, outcome_of) -> None:
    """Have a frame predicted and report its outcomes."""
    instances = json.loads(frame.drop(columns="target").to_json(orient="records"))
    status, answer = server.ask("/predict/batch", {"instances": instances})
    assert status == 200, answer
    outcomes = [
        {"prediction_id": answer["prediction_id"], "row": number, "outcome": outcome_of(target)}
        for number, target in enumerate(frame["target"].tolist())
    ]
    server.until(lambda: server.ask("/feedback", {"outcomes": outcomes})[0] in (200, 201))


@pytest.mark.slow
def test_alerts_fire_in_trouble_and_resolve_after_it_and_every_query_of_the_dashboard_finds_data(
    serve, trained, tmp_path, prometheus
):
    addresses = [f"127.0.0.1:{unused_port()}" for _ in range(2)]
    empty = tmp_path / "empty"
    empty.mkdir()
    busy = serve(
        METRICS_BIND=addresses[0], WORKER_CLASS="gthread", THREADS="2", MONITOR_SECONDS="1", LOG_LEVEL="warning"
    )
    lost = {"METRICS_BIND": addresses[1], "ARTIFACTS_DIR": str(empty), "VAR_DIR": str(tmp_path / "lost")}
    bare = serve(**lost)
    watcher = prometheus(*addresses)
    watcher.until(lambda firing: "ModelDegraded" in firing, "no model at all")

    frame = make_frame(5, 10_500)
    row = json.loads(frame[:1].drop(columns="target").to_json(orient="records"))[0]
    shifted = frame[:300].assign(feature_1=frame["feature_1"][:300] + 1)
    predict_many(busy, shifted, lambda target: 1 - target)
    assert busy.ask("/predict", row | {"feature_4": "much"})[0] == 422
    slow = [Repeating(lambda: predict_slowly(busy.url, row)) for _ in range(3)]
    failing = Repeating(lambda: bare.ask("/predict", row))
    trouble = {"LatencyHigh", "ErrorRateHigh", "Saturated", "QueueWaitLong", "FeatureDrift", "AccuracyDegraded"}
    watcher.until(lambda firing: trouble <= firing, "in trouble")

    (version,) = {found["metric"]["model_version"] for found in watcher.query("model_live_accuracy")}
    drifted = watcher.query('ALERTS{alertname="FeatureDrift", alertstate="firing"}')
    assert "feature_1" in {found["metric"]["feature"] for found in drifted} <= {"feature_1", "$prediction"}
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            expression = target["expr"].replace("$__rate_interval", WINDOW).replace("$__range", "1m")
            assert watcher.query(expression.replace("$job", ".*")), f"{panel['title']}: {target['expr']}"

    locked = sqlite3.connect(tmp_path / "var" / "predictions.db", timeout=PATIENCE, isolation_level=None)
    locked.execute("BEGIN IMMEDIATE")
    dying = Repeating(lambda: kill_workers(bare))
    watcher.until(lambda firing: {"RecordsLate", "WorkersDying"} <= firing, "no database, and workers that die")
    dying.stop()
    locked.execute("ROLLBACK")
    locked.close()

    spool = tmp_path / "var" / "spool"
    while not spool.is_file():  # its writers make it again whenever it is missing
        shutil.rmtree(spool, ignore_errors=True)
        spool.touch()
    kill_workers(busy)  # those that had it open go on with what they had
    watcher.until(lambda firing: "RecordsLost" in firing, "no spool")

    for one in slow:
        one.stop()
    spool.unlink()
    copy_artifact(trained / version, empty, "old-1", "2020-01-01T00:00:00Z")
    predict_many(busy, frame[300:5400], int)
    predict_many(busy, frame[5400:], int)
    watcher.until(lambda firing: firing == {"ModelStale"}, "out of trouble, but with an old model")
    failing.stop()

    bare.stop()
    watcher.until(lambda firing: "ServiceDown" in firing, "stopped")
    shutil.rmtree(empty / "old-1")
    shutil.copytree(trained / version, empty / version)
    serve(**lost)
    watcher.until(lambda firing: not firing, "all is well")
