"""RATE_LIMIT: what counts, whose limit it is, what its headers say; exact over workers and hosts."""

import hashlib
import os
import signal
import threading
import urllib.request

import pytest

from service.access.addresses import limit_key

ROW = {"feature_1": 0.1, "feature_2": 0.2, "feature_3": 0.3, "feature_4": 40, "feature_5": 5}
NUMBERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")


def test_every_prediction_counts_and_the_answer_says_what_is_left(make_client):
    client = make_client(RATE_LIMIT="2/minute")
    first = client.post("/predict", json=ROW)
    second = client.post("/predict/batch", json={"instances": [ROW] * 50})
    refused = client.post("/predict", json=ROW)
    assert [answer.status_code for answer in (first, second, refused)] == [200, 200, 429]
    assert [[answer.headers[name] for name in NUMBERS[:2]] for answer in (first, second, refused)] == [
        ["2", "1"],
        ["2", "0"],
        ["2", "0"],
    ]
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert refused.headers["Retry-After"] == refused.headers["RateLimit-Reset"]
    assert refused.get_json()["type"].endswith("too-many-requests")
    assert "Retry-After" not in first.headers


def test_a_bad_request_counts_too(make_client):
    client = make_client(RATE_LIMIT="1/minute")
    assert client.post("/predict", json={}).status_code == 422
    assert client.post("/predict", json=ROW).status_code == 429


def test_feedback_is_free(make_client):
    client = make_client(RATE_LIMIT="1/minute")
    known = client.post("/predict", json=ROW).get_json()["prediction_id"]
    answers = [client.post("/feedback", json={"prediction_id": known, "outcome": 1}) for _ in range(3)]
    assert 429 not in [answer.status_code for answer in answers]
    assert "RateLimit-Limit" not in answers[0].headers


def test_nothing_else_is_limited(make_client):
    client = make_client(RATE_LIMIT="1/minute")
    client.post("/predict", json=ROW)
    for answer in (
        client.get("/health"),
        client.get("/model/info"),
        client.options("/predict"),
        client.get("/predict"),
    ):
        assert answer.status_code in (200, 405)
        assert "RateLimit-Limit" not in answer.headers


def test_without_the_setting_nothing_is_said(make_client):
    assert "RateLimit-Limit" not in make_client().post("/predict", json=ROW).headers


def test_each_client_has_a_limit_of_its_own_by_name_and_not_by_token(make_client, tmp_path):
    path = tmp_path / "tokens"
    lines = [("a", "a1"), ("a", "a2"), ("b", "b1")]
    path.write_text("".join(f"{name}:{hashlib.sha256(token.encode()).hexdigest()}\n" for name, token in lines))
    client = make_client(RATE_LIMIT="1/minute", API_TOKENS_FILE=str(path))

    def ask(token):
        return client.post("/predict", json=ROW, headers={"Authorization": f"Bearer {token}"}).status_code

    assert [ask("a1"), ask("a2"), ask("b1"), ask("nobody")] == [200, 429, 200, 401]


def test_an_address_is_a_client_where_no_token_is_asked_for(make_client):
    client = make_client(RATE_LIMIT="1/minute")

    def ask(address):
        return client.post("/predict", json=ROW, environ_base={"REMOTE_ADDR": address}).status_code

    assert [ask("192.0.2.1"), ask("192.0.2.2"), ask("192.0.2.1")] == [200, 200, 429]
    assert [ask("2001:db8::1"), ask("2001:db8::ffff:1"), ask("2001:db8:0:1::1")] == [200, 429, 200]


@pytest.mark.parametrize(
    ("client", "counted"),
    [
        ("app", "app"),
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("192.0.2.1:4711", "192.0.2.1:4711"),
        ("64:ff9b::192.0.2.1", "192.0.2.1"),
        ("", ""),
    ],
)
def test_who_counts_as_one_client(client, counted):
    assert limit_key(client) == counted


def ask_at_once(servers, times):
    """The statuses of ``times`` predictions sent to each server by 4 threads."""
    statuses = []

    def run(server):
        for _ in range(times // 4):
            statuses.append(server.ask("/predict", ROW)[0])

    threads = [threading.Thread(target=run, args=(server,)) for server in servers for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


@pytest.mark.process
def test_all_workers_together_allow_exactly_the_limit_through_a_reload(serve):
    server = serve(WEB_CONCURRENCY="3", RATE_LIMIT="45/hour")
    server.until_serving(3)
    statuses = ask_at_once([server], 32)
    os.kill(server.workers[0], signal.SIGKILL)
    os.kill(server.pid, signal.SIGHUP)
    server.until(lambda: server.ask("/health")[0] == 200)
    statuses += ask_at_once([server], 32)
    assert sorted(set(statuses)) == [200, 429]
    assert statuses.count(200) == 45
    assert len({line["pid"] for line in server.events("prediction_made")}) > 1, "one worker answered everything"


@pytest.mark.process
def test_two_hosts_with_a_redis_share_the_limit_and_without_it_go_on(serve, redis_server, tmp_path):
    redis = redis_server()
    servers = [serve(RATE_LIMIT="10/hour", REDIS_URL=redis.url, VAR_DIR=str(tmp_path / name)) for name in ("a", "b")]
    assert ask_at_once(servers, 16).count(200) == 10
    redis.stop()
    statuses = ask_at_once(servers, 16)
    assert sorted(set(statuses)) == [200, 429]
    assert statuses.count(200) == 20, "each host counts for itself"
    for server in servers:
        assert server.events("redis_away")
        with urllib.request.urlopen(f"{server.url}/metrics") as metrics:
            assert b'redis_away_total{use="limits"} 16' in metrics.read()
