"""Tokens and the rate limit through real HTTP: the same tokens, the same limit, for the service and both twins."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.client import HTTPConnection

import pytest

from benchmarks import servers
from benchmarks.lab import Lab
from benchmarks.servers import Server
from benchmarks.targets import BY_NAME

TARGETS = ("ours", "tuned", "fastapi_design")
TOKENS = {"alice": "alice's token", "bob": "bob's token"}
LIMIT = 3

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("guarded")]


@pytest.fixture(scope="module")
def guarded(make_lab: Callable[[], Lab]) -> Iterator[Callable[[str], Server]]:
    """Factory: a target's server that knows two clients, and lets each predict three times a day."""
    started: dict[str, Server] = {}
    with ExitStack() as stack:

        def start(name: str) -> Server:
            if name not in started:
                lab = make_lab()
                path = lab.work / "tokens"
                lines = [f"{client}:{hashlib.sha256(token.encode()).hexdigest()}" for client, token in TOKENS.items()]
                path.write_text("# name:sha256\n" + "\n".join(lines) + "\n")
                settings = {"API_TOKENS_FILE": str(path), "RATE_LIMIT": f"{LIMIT}/day"}
                server = servers.start(BY_NAME[name], lab.artifact, lab.work / name, (), environment=settings)
                stack.callback(server.stop)
                _until_healthy(server)
                started[name] = server
            return started[name]

        yield start


def _until_healthy(server: Server) -> None:
    limit = servers.deadline()
    while time.monotonic() < limit and server.process.poll() is None:
        try:
            if _ask(server, "GET", "/health")[0] == 200:
                return
        except OSError:
            time.sleep(0.05)
    pytest.fail(servers.last_lines(server.work / "server.log"))


def _ask(server, method, path, authorization=None, body=None) -> tuple[int, dict[str, str], bytes]:
    headers = {"Content-Type": "application/json"} | ({"Authorization": authorization} if authorization else {})
    connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    "authorization",
    [None, "Bearer nobody's token", "Bearer", "Basic YWxpY2U6YWxpY2UncyB0b2tlbg==", TOKENS["alice"]],
)
@pytest.mark.parametrize("path", ["/predict", "/predict/batch"])
def test_a_request_without_a_known_token_is_401(target, authorization, path, guarded, pool):
    body = pool.rows[0] if path == "/predict" else {"instances": pool.rows[:2]}
    status, headers, answer = _ask(guarded(target), "POST", path, authorization, body)
    assert status == 401
    if target == "fastapi_design" and authorization == "Bearer nobody's token":
        assert json.loads(answer) == {"detail": "Invalid token"}
    else:
        assert headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("target", TARGETS)
def test_each_client_predicts_up_to_its_limit_and_health_is_for_everybody(target, guarded, pool):
    server = guarded(target)

    def spend(client):
        return _ask(server, "POST", "/predict", f"Bearer {TOKENS[client]}", pool.rows[0])

    answers = [spend("alice") for _ in range(LIMIT)]
    assert [status for status, *_ in answers] == [200] * LIMIT
    assert json.loads(answers[0][2])["prediction"] == pool.answers[0][0]

    status, headers, _ = spend("alice")
    assert status == 429
    assert _ask(server, "POST", "/predict", None, pool.rows[0])[0] == 401, "the token is checked before the limit"
    if target == "fastapi_design":  # slowapi: no Retry-After, by address, each route for itself
        assert "retry-after" not in headers
        assert spend("bob")[0] == 429
        assert _ask(server, "POST", "/predict/batch", f"Bearer {TOKENS['alice']}", {"instances": []})[0] == 200
    else:
        assert 0 < int(headers["retry-after"]) <= 86_400
        assert spend("bob")[0] == 200
        batch = {"instances": pool.rows[:2]}
        assert _ask(server, "POST", "/predict/batch", f"Bearer {TOKENS['alice']}", batch)[0] == 429
    for _ in range(LIMIT + 1):
        assert _ask(server, "GET", "/health")[0] == 200


@pytest.mark.parametrize("target", ["ours", "tuned"])
def test_routes_about_the_model_need_a_token_and_do_not_count_against_the_limit(target, guarded):
    server = guarded(target)
    for path in ("/model/info", "/metrics"):
        assert _ask(server, "GET", path)[0] == 401
        for _ in range(LIMIT + 1):
            assert _ask(server, "GET", path, f"Bearer {TOKENS['bob']}")[0] == 200


@pytest.mark.parametrize("target", ["ours", "tuned"])
def test_refusals_are_counted_by_their_reason_and_the_log_names_the_client(target, guarded, pool):
    server = guarded(target)
    bearer = f"Bearer {TOKENS['bob']}"
    answers = [_ask(server, "POST", "/predict", bearer, pool.rows[0])[0] for _ in range(LIMIT + 1)]
    assert answers[-1] == 429
    _ask(server, "POST", "/predict", None, pool.rows[0])
    text = _ask(server, "GET", "/metrics", bearer)[2].decode()
    for reason in ("auth", "limit"):
        assert f'http_requests_refused_total{{reason="{reason}"}}' in text
    assert '"client":"bob"' in (server.work / "server.log").read_text()
