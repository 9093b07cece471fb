"""gunicorn's own settings for statsd and DataDog work under our logger and our worker."""

import re
import socket

import pytest

ROW = {"feature_1": 0.5, "feature_2": 1.2, "feature_3": -0.3, "feature_4": 75.5, "feature_5": 5}


@pytest.mark.process
@pytest.mark.parametrize("worker_class", ["inline", "gthread"])
def test_statsd_gets_each_request_its_status_and_duration_and_the_workers(serve, worker_class):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as statsd:
        statsd.bind(("127.0.0.1", 0))
        statsd.settimeout(60)
        address = f"127.0.0.1:{statsd.getsockname()[1]}"
        server = serve(
            "--statsd-host", address, "--statsd-prefix", "serving", "--dogstatsd-tags", "env:test",
            WORKER_CLASS=worker_class,
        )  # fmt: skip
        assert server.ask("/predict", ROW)[0] == 200
        assert server.ask("/predict", {})[0] == 422
        wanted = [
            r"serving\.gunicorn\.requests:1\|c\|@1\.0\|#env:test",
            r"serving\.gunicorn\.request\.status\.200:1\|c\|@1\.0\|#env:test",
            r"serving\.gunicorn\.request\.status\.422:1\|c\|@1\.0\|#env:test",
            r"serving\.gunicorn\.request\.duration:[0-9.]+\|ms\|#env:test",
            r"serving\.gunicorn\.workers:1\|g\|#env:test",
        ]
        while wanted:
            line = statsd.recv(4096).decode()
            wanted = [pattern for pattern in wanted if not re.fullmatch(pattern, line)]
