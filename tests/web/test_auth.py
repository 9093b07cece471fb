"""Which token opens which route, and the challenges of a refusal."""

import base64
import hashlib

import pytest

ROW = {"feature_1": 0.1, "feature_2": 0.2, "feature_3": 0.3, "feature_4": 40, "feature_5": 5}
TOKENS = {"all": "token-of-all", "asker": "token-of-asker", "watcher": "token-of-watcher"}
SCOPES = {"all": "", "asker": ":predict", "watcher": ":observe"}


@pytest.fixture
def client(make_client, tmp_path):
    path = tmp_path / "tokens"
    digests = {name: hashlib.sha256(token.encode()).hexdigest() for name, token in TOKENS.items()}
    path.write_text("".join(f"{name}:{digest}{SCOPES[name]}\n" for name, digest in digests.items()))
    return make_client(API_TOKENS_FILE=str(path))


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def basic(password, user="me"):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def test_every_route_needs_a_token_but_health_home_and_documents(client):
    rules = [rule for rule in client.application.url_map.iter_rules() if not rule.arguments]
    methods = {rule.rule: "POST" if "POST" in rule.methods else "GET" for rule in rules}
    open_to_all = {path for path, method in methods.items() if client.open(path, method=method).status_code != 401}
    health = {"/health", "/health/live", "/health/ready"}
    health |= {"/v2/health/live", "/v2/health/ready", "/ping", "/version"}
    assert open_to_all == {"/", "/apidocs", "/apidocs/", "/docs", "/redoc", "/apispec.json"} | health
    assert {"/predict", "/predict/batch", "/feedback", "/metrics", "/dashboard"} <= methods.keys() - open_to_all


def test_without_a_file_no_token_is_needed(make_client):
    assert make_client().post("/predict", json=ROW).status_code == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer  "])
def test_a_known_token_opens_and_its_client_is_named(client, scheme, capfd):
    answer = client.post("/predict", json=ROW, headers={"Authorization": f"{scheme} {TOKENS['asker']}"})
    assert answer.status_code == 200
    log = capfd.readouterr().out
    assert '"client":"asker"' in log
    assert TOKENS["asker"] not in log


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Digest x", "token-of-all", "Basic", "Basic ???"])
def test_no_token_gets_a_plain_challenge(client, header, capfd):
    answer = client.post("/predict", json=ROW, headers={"Authorization": header} if header is not None else {})
    assert answer.status_code == 401
    assert answer.headers.getlist("WWW-Authenticate") == ['Bearer realm="predictions"']
    assert answer.content_type == "application/problem+json"
    assert answer.get_json()["type"].endswith("unauthorized")


@pytest.mark.parametrize(
    "token", ["wrong", "token-of-all ,", "é", "x" * 5000, hashlib.sha256(b"token-of-all").hexdigest()]
)
def test_an_unknown_token_gets_invalid_token_and_is_written_nowhere(client, token, capfd):
    answer = client.post("/predict", json=ROW, headers=bearer(token))
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    assert token not in answer.text + capfd.readouterr().out


@pytest.mark.parametrize(
    ("name", "path", "method", "status"),
    [
        ("asker", "/predict", "POST", 200),
        ("asker", "/model/info", "GET", 403),
        ("watcher", "/predict", "POST", 403),
        ("watcher", "/model/info", "GET", 200),
        ("watcher", "/model/info", "HEAD", 200),
        ("all", "/predict", "POST", 200),
        ("all", "/model/info", "GET", 200),
    ],
)
def test_a_scope_opens_its_routes_only(client, name, path, method, status):
    answer = client.open(path, method=method, json=ROW, headers=bearer(TOKENS[name]))
    assert answer.status_code == status
    if status == 403:
        assert 'error="insufficient_scope", scope="' in answer.headers["WWW-Authenticate"]


def test_the_token_as_a_password_opens_what_only_reads(client):
    assert client.get("/model/info", headers=basic(TOKENS["watcher"])).status_code == 200
    assert client.get("/model/info", headers=basic("wrong")).status_code == 401
    # A browser sends a password it knows with any page's request, so it must never change anything.
    assert client.post("/predict", json=ROW, headers=basic(TOKENS["all"])).status_code == 401


def test_a_token_in_the_url_or_a_cookie_is_no_token(client):
    client.set_cookie("access_token", TOKENS["all"])
    assert client.get(f"/model/info?access_token={TOKENS['all']}").status_code == 401


def test_an_unknown_route_or_method_comes_before_the_token(client):
    assert client.get("/nothing").status_code == 404
    assert client.get("/predict").status_code == 405


def test_the_token_comes_before_the_body(client):
    assert client.post("/predict", data="{", content_type="text/plain").status_code == 401


def test_a_page_offers_basic_on_a_line_of_its_own(client):
    opened_by_people = ("/dashboard", "/dashboard/data", "/model/performance.html", "/model/drift.html")
    for path in opened_by_people:
        for headers, error in (({}, ""), (basic("wrong"), ', error="invalid_token"')):
            answer = client.get(path, headers=headers)
            assert answer.status_code == 401
            first, second = answer.headers.getlist("WWW-Authenticate")
            assert first == 'Bearer realm="predictions"' + error
            assert second.startswith('Basic realm="') and second.endswith('charset="UTF-8"')
    for path in ("/model/info", "/model/drift", "/metrics"):
        assert len(client.get(path).headers.getlist("WWW-Authenticate")) == 1, "no dialogue on what programs read"


def test_a_password_opens_the_pages_and_all_that_they_fetch(client):
    for path in ("/dashboard", "/dashboard/data", "/model/performance.html", "/model/drift.html", "/model/drift"):
        with client.get(path, headers=basic(TOKENS["watcher"])) as answer:
            assert answer.status_code == 200


def test_options_needs_no_token(client):
    answer = client.options("/predict")
    assert answer.status_code == 200
    assert "POST" in answer.headers["Allow"]
