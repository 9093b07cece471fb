"""deploy/nginx/serving.conf, in a real nginx in front of the real service."""

import json
import re
import ssl
import subprocess
import urllib.error
import urllib.request

import pytest

from service.settings import Settings
from tests.conftest import ROOT
from tests.services import program, unused_port

pytestmark = pytest.mark.process

CONF_FOLDER = ROOT / "deploy" / "nginx"
CONF = (CONF_FOLDER / "serving.conf").read_text()
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


def test_the_client_s_request_id_or_nginx_s_own_is_in_the_log_and_in_the_answer(serve, front):
    server = serve()
    outside = front(server)
    for given in ({"X-Request-ID": "mine-1"}, {}):
        asked = urllib.request.Request(outside.url + "/health", headers=given)
        with urllib.request.urlopen(asked, timeout=30) as answer:
            found = answer.headers.get_all("X-Request-ID")
        logged = server.events("request")[-1]["request_id"]
        assert found == [logged]
        assert logged == "mine-1" if given else re.fullmatch("[0-9a-f]{32}", logged)  # nginx's has no dashes


def test_tls_is_answered_with_the_included_file(serve, nginx, tmp_path):
    server, port, plain = serve(), unused_port(), unused_port()
    names = [
        "-subj",
        "/CN=localhost",
        "-keyout",
        str(tmp_path / "privkey.pem"),
        "-out",
        str(tmp_path / "fullchain.pem"),
    ]
    made = [program("openssl", "openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names]
    subprocess.run(made, check=True, capture_output=True, timeout=60)
    tls = (CONF_FOLDER / "tls.conf").read_text().replace("listen 443", f"listen 127.0.0.1:{port}")
    (tmp_path / "tls.conf").write_text(tls.replace("/etc/letsencrypt/live/serving.example", str(tmp_path)))
    inside = CONF.replace("listen 80;", f"listen 127.0.0.1:{plain}; include {tmp_path}/tls.conf;")
    nginx("", extra=inside.replace("127.0.0.1:8000", server.url.removeprefix("http://")))
    trusting = ssl.create_default_context(cafile=tmp_path / "fullchain.pem")
    trusting.check_hostname = False
    with urllib.request.urlopen(f"https://127.0.0.1:{port}/health", timeout=30, context=trusting) as answer:
        assert answer.status == 200 and "max-age" in answer.headers["Strict-Transport-Security"]


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
