"""A WSGI server without hooks: nothing is loaded before the first request, and there are no workers."""

import sys

import pytest

from tests.conftest import Server, free_port

ROW = {"feature_1": 0.5, "feature_2": 1.2, "feature_3": -0.3, "feature_4": 75.5, "feature_5": 5}
PLAIN = "from wsgiref.simple_server import make_server; import sys, wsgi; "
PLAIN += "make_server('127.0.0.1', int(sys.argv[1]), wsgi.app).serve_forever()"


@pytest.mark.process
def test_a_server_without_hooks_also_loads_answers_records_and_counts(trained, tmp_path):
    port = free_port()
    given = {"ARTIFACTS_DIR": str(trained), "VAR_DIR": str(tmp_path / "var")}
    server = Server.of([sys.executable, "-c", PLAIN, str(port)], port, tmp_path / "log", **given)
    try:
        server.until(lambda: server.ask("/predict", ROW)[0] == 200)
        server.until(lambda: [one["predictions"] for one in server.ask("/model/performance")[1]["versions"]] == [1])
        assert 'predictions_total{model_version="random_forest-1",prediction="1"} 1.0' in server.ask_text("/metrics")
    finally:
        server.stop()
