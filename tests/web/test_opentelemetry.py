"""Traces: spans arrive at a collector, as OTLP over HTTP; without the setting there is no hook and no import."""

import json
import subprocess
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from service.app import create_app
from service.settings import Settings
from service.web import opentelemetry
from tests.conftest import ROOT, clean_environment

ROW = {"feature_1": 0.5, "feature_2": 1.2, "feature_3": -0.3, "feature_4": 75.5, "feature_5": 5}
TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PHASES = ["receive", "parse and validate", "predict", "record", "serialise"]


@pytest.fixture
def collector():
    """A server that takes OTLP; ``spans()`` is what it got, in the protocol's own classes."""
    pytest.importorskip(
        "opentelemetry.sdk.trace",
        reason="OpenTelemetry is not installed (Python package opentelemetry-exporter-otlp-proto-http)",
    )
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    bodies = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            bodies.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    def spans():
        assert {path for path, _ in bodies} <= {"/v1/traces"}
        requests = [ExportTraceServiceRequest.FromString(body) for _, body in bodies]
        scopes = [scope for one in requests for resource in one.resource_spans for scope in resource.scope_spans]
        return [span for scope in scopes for span in scope.spans]

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    server.spans, server.url = spans, f"http://127.0.0.1:{server.server_port}"
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def post(url, document, **headers):
    sent = urllib.request.Request(url, json.dumps(document).encode(), {"Content-Type": "application/json"} | headers)
    with urllib.request.urlopen(sent, timeout=30) as answer:
        return answer.read(), answer.headers


@pytest.mark.process
def test_a_request_is_a_span_below_its_caller_and_its_phases_are_spans_below_it(serve, collector):
    server = serve(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, WEB_CONCURRENCY="2")
    server.until_serving(2)
    _, headers = post(server.url + "/predict", ROW, traceparent=f"00-{TRACE}-{CALLER}-01")
    assert "Server-Timing" not in headers
    _, timed = post(server.url + "/predict", ROW, **{"X-Server-Timing": "1"})
    assert "predict;dur=" in timed["Server-Timing"]
    assert server.ask("/predict", ROW | {"feature_4": "many"})[0] == 422
    server.stop()  # sends what is left
    (below,) = [span for span in collector.spans() if span.parent_span_id.hex() == CALLER]
    assert (below.name, below.trace_id.hex()) == ("POST /predict", TRACE)
    facts = {one.key: one.value for one in below.attributes}
    assert facts["http.response.status_code"].int_value == 200
    assert facts["request_id"].string_value == headers["X-Request-ID"]
    phases = [span for span in collector.spans() if span.parent_span_id == below.span_id]
    assert [span.name for span in phases] == PHASES
    times = [time for span in phases for time in (span.start_time_unix_nano, span.end_time_unix_nano)]
    ordered = [below.start_time_unix_nano, *times, below.end_time_unix_nano]
    assert ordered == sorted(ordered)
    statuses = [
        next(one.value.int_value for one in span.attributes if one.key == "http.response.status_code")
        for span in collector.spans()
        if span.name == "POST /predict"
    ]
    assert sorted(statuses) == [200, 200, 422]


@pytest.mark.process
def test_a_caller_that_is_not_sampled_costs_no_span_and_a_broken_traceparent_no_error(serve, collector):
    server = serve(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    post(server.url + "/predict", ROW, traceparent=f"00-{TRACE}-{CALLER}-00")
    post(server.url + "/predict", ROW, traceparent="00-nonsense")
    server.stop()
    predictions = [span for span in collector.spans() if span.name == "POST /predict"]
    assert [span.parent_span_id for span in predictions] == [b""]
    assert predictions[0].trace_id.hex() != TRACE


@pytest.mark.process
def test_while_the_collector_is_away_requests_are_answered_and_the_server_stops(serve, collector):
    collector.shutdown()
    collector.server_close()
    server = serve(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    assert [server.ask("/predict", ROW)[0] for _ in range(5)] == [200] * 5
    assert server.stop() == 0


def test_without_the_setting_no_hook_and_no_library_is_there(tmp_path):
    app = create_app(Settings.read({"VAR_DIR": str(tmp_path)}))
    hooks = [*app.before_request_funcs[None], *app.after_request_funcs[None]]
    assert hooks and not {opentelemetry.begin, opentelemetry.finish} & set(hooks)
    code = "import sys, wsgi; print([name for name in sys.modules if name.startswith('opentelemetry')])"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=clean_environment(), capture_output=True, text=True, timeout=60
    )
    assert run.stdout.strip() == "[]"


def test_a_missing_library_is_one_sentence_that_says_what_to_install():
    code = "import sys; sys.modules['opentelemetry.sdk.trace.export'] = None; sys.argv = ['flask', 'routes']\n"
    code += "from flask.cli import main; main()"
    given = clean_environment() | {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "FLASK_APP": "wsgi"}
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=given, capture_output=True, text=True, timeout=60)
    assert run.returncode != 0
    assert "pip install -r requirements-otel.txt" in run.stderr and "Traceback" not in run.stderr
