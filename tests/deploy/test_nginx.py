"""deploy/nginx/serving.conf, in a real nginx in front of the real service."""

import json
import re
import urllib.error
import urllib.request

import pytest

from service.settings import Settings
from tests.conftest import ROOT
from tests.services import unused_port

pytestmark = pytest.mark.process

CONF = (ROOT / "deploy" / "nginx" / "serving.conf").read_text()
ROW = {"feature_1": 0.5, "feature_2": 1.2, "feature_3": -0.3, "feature_4": 75.5, "feature_5": 5}


@pytest.fixture
def front(nginx):
    """Factory: the server as clients see it, through an nginx that runs the file with its two ports changed."""

    def start(server):
        port = unused_port()
        inside = CONF.replace("listen 80;", f"listen 127.0.0.1:{port};")
        inside = inside.replace("127.0.0.1:8000", server.url.removeprefix("http://"))
        assert inside.count(str(port)) == 1
        nginx("", extra=inside)
        return type(server)(server.process, f"http://127.0.0.1:{port}", server.log_file)

    return start


def test_the_service_sees_the_clients_address_and_measures_its_wait(serve, front):
    server = serve(TRUSTED_PROXIES="1", METRICS_BIND=f"127.0.0.1:{unused_port()}")
    outside = front(server)
    assert outside.ask("/predict", ROW, {"X-Forwarded-For": "198.51.100.7"})[0] == 200
    assert server.events("prediction_made")[-1]["client_ip"] == "127.0.0.1"
    assert "http_queue_wait_seconds_count 1.0" in server.ask_text("/metrics")


def test_the_service_itself_refuses_a_body_that_is_too_large(serve, front):
    (megabytes,) = re.findall(r"client_max_body_size (\d+)m;", CONF)
    assert int(megabytes) * 2**20 > Settings.read({}).max_body_bytes
    outside = front(serve(MAX_BODY_BYTES="1000"))
    status, problem = outside.ask("/predict", "x" * 1001)
    assert (status, problem["type"]) == (413, "urn:problem:body-too-large")


def test_metrics_are_closed_to_the_outside(serve, front):
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(front(serve()).url + "/metrics", timeout=30)


def test_while_the_service_is_down_clients_get_a_problem_document_with_retry_after(serve, front):
    server = serve()
    outside = front(server)
    server.stop()
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(outside.url + "/health", timeout=30)
    assert (refused.value.code, refused.value.headers["Retry-After"]) == (503, "5")
    assert refused.value.headers["Content-Type"] == "application/problem+json"
    assert json.load(refused.value)["status"] == 503
