"""X-Client-Key: one user stays on one version, and a larger share only moves users towards the canary."""

import json
import shutil
from collections import Counter

import pytest

from inference.routing import Routing, write_routing
from service.models.serving import position
from tests.conftest import until
from tests.models.conftest import FIRST, edit

SECOND = "random_forest-2"
ROW = {"feature_1": 0.1, "feature_2": 0.2, "feature_3": 0.3, "feature_4": 40, "feature_5": 5}
USERS = [f"user-{number}" for number in range(100_000)]


@pytest.fixture(scope="module")
def positions():
    return {user: position(user, "b-2") for user in USERS}


@pytest.mark.parametrize("share", [0.01, 0.05, 0.25, 0.5, 0.99])
def test_the_share_of_users_is_within_one_percent_of_the_share_wanted(positions, share):
    assert abs(sum(found < share for found in positions.values()) / len(USERS) - share) < 0.01


@pytest.mark.parametrize("kind", ["{}", "{:032x}", "{}@example.com"])
def test_the_share_holds_for_keys_of_every_kind(kind):
    to_canary = sum(position(kind.format(number), "b-2") < 0.25 for number in range(10_000))
    assert abs(to_canary / 10_000 - 0.25) < 0.02


def test_a_larger_share_only_moves_users_towards_the_canary(positions):
    before: set[str] = set()
    for share in (0.0, 0.05, 0.25, 0.5, 1.0):
        now = {user for user in USERS if positions[user] < share}
        assert before <= now
        before = now
    assert len(before) == len(USERS)


def test_the_next_canary_is_tried_on_other_users():
    first, second = ({user for user in USERS[:20_000] if position(user, canary) < 0.05} for canary in ("b-2", "b-3"))
    assert len(first & second) / len(first) == pytest.approx(0.05, abs=0.02)


def test_a_position_is_the_same_in_every_release():
    assert position("user-1", "random_forest-2") == 0.9658169603715187


@pytest.fixture
def half(make_client, artifacts):
    """A client of a service whose canary has half of the requests, once both versions are loaded."""
    shutil.copytree(artifacts / FIRST, artifacts / SECOND)
    edit(artifacts / SECOND, version=SECOND)
    write_routing(artifacts, Routing(FIRST, canary=SECOND, share=0.5))
    client = make_client(ARTIFACTS_DIR=str(artifacts))
    until(lambda: len(client.get("/model/info").json["versions"]) == 2)
    return client


def _version(client, **headers):
    return client.post("/predict", json=ROW, headers=headers).headers["X-Model-Version"]


def test_requests_of_one_user_are_answered_by_one_version_and_others_are_drawn(half):
    for user in ("ann", "bob", "Zoë Müller", "日本語".encode().decode("latin-1"), "x" * 128):
        assert len({_version(half, **{"X-Client-Key": user}) for _ in range(20)}) == 1, user
    users = Counter(_version(half, **{"X-Client-Key": f"user-{number}"}) for number in range(200))
    assert min(users.values()) > 50
    assert set(Counter(_version(half) for _ in range(100))) == {FIRST, SECOND}
    assert set(Counter(_version(half, **{"X-Client-Key": ""}) for _ in range(100))) == {FIRST, SECOND}


def test_a_version_that_is_named_is_answered_by_whatever_the_key(half):
    for number in range(20):
        named = half.post(f"/predict?model_version={FIRST}", json=ROW, headers={"X-Client-Key": f"user-{number}"})
        assert named.headers["X-Model-Version"] == FIRST


@pytest.mark.parametrize("key", ["x" * 129, "a\tb", "a\x7fb", "a\x01b"])
def test_what_is_no_key_is_refused_whether_there_is_a_canary_or_not(make_client, half, key):
    for client in (half, make_client()):
        refused = client.post("/predict", json=ROW, headers={"X-Client-Key": key})
        assert (refused.status_code, refused.json["type"]) == (400, "urn:problem:invalid-header")
        assert "X-Client-Key must be at most 128 visible characters" in refused.json["detail"]
        assert key not in refused.text


def test_a_wrong_key_is_told_after_what_comes_before_a_malformed_body(make_client):
    client = make_client()
    wrong = {"X-Client-Key": "x" * 129}
    assert client.post("/predict?model_version=none-1", json=ROW, headers=wrong).status_code == 404
    assert client.post("/predict", data="x", headers=wrong).status_code == 415
    assert client.post("/predict", data="{", headers=wrong, content_type="application/json").json["type"] == (
        "urn:problem:invalid-header"
    )


def test_the_header_is_in_the_openapi_document_of_both_routes(make_client):
    document = json.loads(make_client().get("/apispec.json").data)
    for path in ("/predict", "/predict/batch"):
        (shown,) = [one for one in document["paths"][path]["post"]["parameters"] if one["in"] == "header"]
        assert (shown["name"], shown["required"], shown["schema"]["maxLength"]) == ("X-Client-Key", False, 128)
