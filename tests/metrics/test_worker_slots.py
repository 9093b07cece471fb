"""``http_worker_slots`` is what the real worker can handle at once, whatever its class was named."""

import subprocess
import sys
import urllib.request
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from service import metrics
from tests.conftest import ROOT, Server, clean_environment, free_port, until
from tests.services import program

THREADED = {"wsgi.multithread": True, "SERVER_SOFTWARE": "some/1.0"}


@pytest.fixture
def start(trained, tmp_path):
    """Factory of servers: ``start("gunicorn", "wsgi:app", THREADS="3")``, a program of this environment."""
    servers: list[Server] = []

    def start(*command: str, **environment: str) -> Server:
        given = {"ARTIFACTS_DIR": str(trained), "VAR_DIR": str(tmp_path / "var"), "RECORDS": "off"} | environment
        log = tmp_path / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, *command], cwd=ROOT, env=clean_environment() | given, stdout=output, stderr=output
            )
        servers.append(Server(process, "", log))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """gunicorn's arguments for TLS."""
    folder = tmp_path_factory.mktemp("tls")
    command = [
        program("openssl", "openssl"),
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ]
    command += ["-subj", "/CN=localhost", "-keyout", str(folder / "key"), "-out", str(folder / "certificate")]
    subprocess.run(command, check=True, capture_output=True)
    return ["--certfile", str(folder / "certificate"), "--keyfile", str(folder / "key")]


@pytest.fixture
def worker_slots(start, samples):
    """What a gunicorn with these arguments and settings exposes, once its worker is there."""

    def worker_slots(*arguments: str, **environment: str) -> float:
        if "gevent" in environment.values():
            pytest.importorskip("gevent", reason="gevent is not installed (Python package gevent)")
        address = f"127.0.0.1:{free_port()}"
        gunicorn = str(Path(sys.executable).with_name("gunicorn"))
        addresses = {"BIND": f"127.0.0.1:{free_port()}", "METRICS_BIND": address, "WEB_CONCURRENCY": "1"}
        server = start(gunicorn, "wsgi:app", *arguments, **addresses, **environment)
        found: dict[str, float] = {}

        def exposed() -> bool:
            with suppress(OSError), urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
                found.update(samples(answer.read()))
            assert server.process.poll() is None, server.log()
            return "http_worker_slots" in found

        until(exposed)
        return found["http_worker_slots"]

    return worker_slots


@pytest.mark.process
@pytest.mark.parametrize(
    ("worker_class", "slots"),
    [
        ("inline", 1),
        ("sync", 1),
        ("gthread", 3),
        ("gunicorn.workers.gthread.ThreadWorker", 3),
        ("service.server.worker.InlineWorker", 1),
    ],
)
def test_a_worker_of_gunicorn_has_the_slots_of_its_class(worker_slots, worker_class, slots):
    assert worker_slots(WORKER_CLASS=worker_class, THREADS="3") == slots


@pytest.mark.process
@pytest.mark.parametrize("worker_class", ["gevent", "gunicorn.workers.ggevent.GeventWorker"])
def test_a_gevent_worker_has_a_slot_for_each_connection_that_it_accepts(worker_slots, worker_class):
    assert worker_slots("--worker-connections", "70", WORKER_CLASS=worker_class) == 70


@pytest.mark.process
def test_an_inline_worker_that_falls_back_to_gthread_has_its_threads(worker_slots, certificate):
    assert worker_slots(*certificate, WORKER_CLASS="inline", THREADS="3") == 3


@pytest.mark.process
def test_sync_with_threads_is_gthread_to_gunicorn_and_to_the_metrics(worker_slots):
    assert worker_slots("--threads", "5", WORKER_CLASS="sync") == 5


@pytest.mark.process
@pytest.mark.parametrize(("options", "slots"), [(["--threads", "3"], 3), ([], 1)])
def test_uwsgi_says_how_many_threads_it_has(start, samples, options, slots):
    pytest.importorskip("pyuwsgi", reason="uWSGI is not installed (Python package pyuwsgi)")
    address = f"127.0.0.1:{free_port()}"
    command = ["--http-socket", address, "--module", "wsgi:app", "--master", "--enable-threads", "--die-on-term"]
    server = start("-c", "import pyuwsgi; pyuwsgi.run()", *command, *options)
    server.url = f"http://{address}"
    server.until(lambda: samples(server.ask_text("/metrics"))["http_worker_slots"] == slots)


@pytest.mark.process
def test_a_server_that_does_not_say_it_has_no_gauge(start, samples):
    pytest.importorskip("waitress", reason="waitress is not installed (Python package waitress)")
    address = f"127.0.0.1:{free_port()}"
    server = start("-m", "waitress", f"--listen={address}", "wsgi:app")
    server.url = f"http://{address}"
    server.until(lambda: "http_requests_in_flight" in samples(server.ask_text("/metrics")))
    assert "http_worker_slots" not in samples(server.ask_text("/metrics"))


def test_a_server_that_is_not_threaded_has_one_slot_unless_it_is_gevents():
    assert metrics.worker_slots_of(THREADED | {"wsgi.multithread": False}) == 1
    assert metrics.worker_slots_of({"wsgi.multithread": False, "SERVER_SOFTWARE": "gevent/26.9 Python/3.11"}) is None
    assert metrics.worker_slots_of(THREADED) is None


def test_mod_wsgi_says_how_many_threads_a_process_has(monkeypatch):
    monkeypatch.setitem(sys.modules, "mod_wsgi", SimpleNamespace(threads_per_process=4))
    assert metrics.worker_slots_of(THREADED | {"mod_wsgi.version": (5, 0, 2)}) == 4
    assert metrics.worker_slots_of(THREADED) is None


def test_a_process_that_changes_folders_takes_its_gauges_with_it(make_settings, samples, tmp_path):
    metrics.open_metrics(make_settings(var_dir=tmp_path / "one"))
    metrics.worker_slots(4)
    metrics.began()
    before = samples(metrics.exposition())
    metrics.open_metrics(make_settings(var_dir=tmp_path / "two"))
    after = samples(metrics.exposition())
    metrics.answered("/", "GET", 200, 0.001)
    assert (after["http_worker_slots"], after["http_requests_in_flight"]) == (4, before["http_requests_in_flight"])
