"""CORS_ORIGINS: which pages may read an answer."""

import hashlib

import pytest

ROW = {"feature_1": 0.1, "feature_2": 0.2, "feature_3": 0.3, "feature_4": 40, "feature_5": 5}
PAGE = "https://app.example"


def cors(answer):
    return {name: value for name, value in answer.headers if name.startswith("Access-Control")}


def preflight(client, origin=PAGE):
    return client.options("/predict", headers={"Origin": origin, "Access-Control-Request-Method": "POST"})


def test_nothing_is_allowed_unless_set(make_client):
    client = make_client()
    answer = client.post("/predict", json=ROW, headers={"Origin": PAGE})
    assert not cors(answer)
    assert "Vary" not in answer.headers
    assert not cors(preflight(client))


def test_a_listed_page_may_read_predictions_and_errors_with_their_ids(make_client):
    client = make_client(CORS_ORIGINS=f"{PAGE}, http://localhost:3000")
    for document, status in ((ROW, 200), ({}, 422)):
        answer = client.post("/predict", json=document, headers={"Origin": PAGE})
        assert answer.status_code == status
        assert answer.headers["Access-Control-Allow-Origin"] == PAGE
        assert "Origin" in answer.vary
        exposed = answer.headers["Access-Control-Expose-Headers"]
        assert {"X-Request-ID", "X-Model-Version", "Retry-After"} <= set(exposed.split(", "))
        assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "https://app.example.evil.example", "http://app.example", "https://appXexample", "null"],
)
def test_another_page_may_not_and_caches_are_told(make_client, origin):
    client = make_client(CORS_ORIGINS=PAGE)
    for answer in (client.post("/predict", json=ROW, headers={"Origin": origin}), preflight(client, origin)):
        assert not cors(answer)
        assert "Origin" in answer.vary
    assert "Origin" in client.get("/health").vary


def test_a_preflight_is_answered_without_a_token_or_a_count(make_client, tmp_path):
    path = tmp_path / "tokens"
    path.write_text(f"app:{hashlib.sha256(b'token').hexdigest()}\n")
    client = make_client(CORS_ORIGINS=PAGE, API_TOKENS_FILE=str(path), RATE_LIMIT="1/hour")
    for _ in range(3):
        answer = preflight(client)
        assert answer.status_code == 200
        assert "POST" in answer.headers["Access-Control-Allow-Methods"]
        assert {"Authorization", "Content-Type"} <= set(answer.headers["Access-Control-Allow-Headers"].split(", "))
        assert answer.data == b""
    refused = client.post("/predict", json=ROW, headers={"Origin": PAGE})
    assert refused.status_code == 401
    assert refused.headers["Access-Control-Allow-Origin"] == PAGE, "the page may read why"


def test_a_star_lets_every_page_in(make_client):
    client = make_client(CORS_ORIGINS="*")
    answer = client.post("/predict", json=ROW, headers={"Origin": "https://any.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Vary" not in answer.headers


@pytest.mark.parametrize(
    "origins", ["app.example", "https://app.example/", "https://app.example/path", "https://*.example"]
)
def test_what_can_be_no_origin_stops_the_start(make_client, origins):
    with pytest.raises(ValueError, match="CORS_ORIGINS"):
        make_client(CORS_ORIGINS=origins)
