"""/model/drift and /dashboard, of a running service and in a real browser."""

import json
import os
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from inference.rollout.state import RolloutState, write_state
from service import metrics
from service.access.tokens import line_of, new_token
from service.metrics import history
from service.metrics.process_slot import folder_for
from tests.docs.conftest import browser as browser
from training.default_model import make_frame

POINT = sorted(["time", "requests", "latency", "rows", "drift", "accuracy", "trained", "models", "gauges", "records"])


@pytest.fixture
def client(make_client):
    """A client in process, with a VAR_DIR without records."""
    return make_client(RECORDS="off")


@pytest.mark.parametrize("path", ["/dashboard", "/model/drift.html"])
def test_pages_may_talk_to_their_own_host_only(client, path):
    answer = client.get(path)
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert "http://" not in answer.text and "https://" not in answer.text


def test_the_pages_files_are_served_and_no_others(client):
    for name in ("charts.js", "plots.js", "dashboard.js", "drift.js", "pages.css", "icon.svg"):
        with client.get(f"/pages/{name}") as answer:
            assert answer.status_code == 200
    for name in ("..%2ffiles.py", "dashboard.html", "nothing.js"):
        assert client.get(f"/pages/{name}").status_code == 404


def test_drift_has_no_version_where_nothing_was_predicted(client):
    answer = client.get("/model/drift").json
    assert (answer["versions"], answer["window"], answer["minimum_rows"]) == ([], "24h", 200)
    assert answer["thresholds"] == {"watch": 0.1, "alarm": 0.2, "p_value": 0.001}


def test_a_window_or_version_that_makes_no_sense_is_refused(client):
    assert client.get("/model/drift?window=soon").status_code == 422
    assert client.get("/model/drift?model_version=nobody-1").status_code == 404


@pytest.mark.parametrize("path", ["/dashboard", "/dashboard/data", "/model/drift", "/model/drift.html", "/metrics"])
def test_pages_and_their_data_need_a_token_of_the_scope_observe(make_client, tmp_path, path):
    tokens = {scope: new_token() for scope in ("observe", "predict")}
    file = tmp_path / "tokens"
    file.write_text("".join(line_of(scope, token, [scope]) + "\n" for scope, token in tokens.items()))
    client = make_client(API_TOKENS_FILE=str(file))
    assert client.get(path).status_code == 401
    assert client.get(path, auth=("anybody", tokens["observe"])).status_code == 200
    assert client.get(path, headers={"Authorization": f"Bearer {tokens['predict']}"}).status_code == 403


def test_the_dashboard_gets_the_stored_points_after_a_time_and_one_of_now(client, make_settings, tmp_path):
    settings = make_settings(var_dir=tmp_path / "var")
    metrics.open_metrics(settings)
    history.append(settings)
    (first, now) = client.get("/dashboard/data").json["points"]
    assert sorted(now) == sorted(first) == POINT
    metrics.prediction("a-1", [1, 1, 0], False)
    history.append(settings)
    (second, now) = client.get(f"/dashboard/data?since={first['time']}").json["points"]
    assert second["rows"]["a-1"] - first["rows"].get("a-1", 0) == 3
    assert now["rows"] == second["rows"]


def test_a_point_that_another_release_wrote_is_left_out(client, make_settings, tmp_path):
    settings = make_settings(var_dir=tmp_path / "var")
    metrics.open_metrics(settings)
    history.append(settings)
    with (folder_for(settings.var_dir) / "history.jsonl").open("a") as file:
        file.write('{"time": 1.0, "weather": "fine"}\n')
    assert len(client.get("/dashboard/data").json["points"]) == 2


def test_longer_ranges_have_fewer_points(client, make_settings, tmp_path):
    settings = make_settings(var_dir=tmp_path / "var")
    metrics.open_metrics(settings)
    for _ in range(3):
        history.append(settings)
    points = {name: client.get(f"/dashboard/data?range={name}").json for name in history.RANGES}
    assert {name: (len(found["points"]), found["every"]) for name, found in points.items()} == {
        "1h": (4, 10),
        "24h": (2, 300),
        "7d": (2, 1800),
    }
    assert client.get("/dashboard/data?range=9y").status_code == 422


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.xdist_group("browser")
def test_a_shifted_feature_is_seen_on_the_pages_and_no_request_leaves_the_host(serve, browser, tmp_path):
    server = serve(MONITOR_SECONDS="1")
    frame = make_frame(11, 400).assign(feature_2=lambda rows: rows["feature_2"] + 1)
    rows = json.loads(frame.drop(columns="target").to_json(orient="records"))
    status, answer = server.ask("/predict/batch", {"instances": rows})
    assert status == 200
    outcomes = [
        {"prediction_id": answer["prediction_id"], "row": row, "outcome": outcome}
        for row, outcome in enumerate(frame["target"].tolist())
    ]
    server.until(lambda: server.ask("/feedback", {"outcomes": outcomes})[0] in (200, 201))
    server.until(lambda: bool(server.ask("/model/drift")[1]["versions"]))
    (version,) = server.ask("/model/drift")[1]["versions"]
    assert {found["name"] for found in version["features"] if found["verdict"] == "alarm"} == {"feature_2"}
    assert version["rows"] == 400
    server.until(lambda: bool(server.ask("/dashboard/data")[1]["points"][-1]["accuracy"]))

    pictures = Path(os.environ.get("PICTURES", tmp_path))
    for width in (390, 1280):
        for page, shown in (("/dashboard", "requests per second"), ("/model/drift.html", "feature_2: alarm")):
            browser.open(server.url + page, width, 1400)
            browser.wait("main", shown)
            assert "Not" not in browser.wait("#state").text
            deadline = time.monotonic() + 20
            while "Loading" in browser.wait("#state").text:
                assert time.monotonic() < deadline
            browser.photograph(pictures / f"{page.rpartition('/')[2].partition('.')[0]}-{width}.png")
            assert browser.overflow() <= 0
            assert browser.hosts() == {urlsplit(server.url).netloc}
            assert browser.complaints() == []


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.xdist_group("browser")
def test_the_dashboard_shows_the_last_rollout_with_its_verdicts(serve, artifacts, browser):
    state = RolloutState("forest-2", "forest-1", [5.0, 25.0], {}, phase="went back", step=1, share=0.0)
    state.why, state.who, state.since = "errors 7.00% of 200 requests", "ann@<b>host</b>", time.time()
    state.requests = {"stable": 600.0, "canary": 200.0}
    state.measures = [{"name": "errors", "verdict": "worse", "text": "errors 7.00% of 200 requests"}]
    write_state(artifacts, state)
    server = serve(ARTIFACTS_DIR=str(artifacts), RECORDS="off")
    browser.open(server.url + "/dashboard", 390, 1400)
    panel = browser.read("#rollout", "Rollout of forest-2: went back")
    assert "Steps 5% [25%]. 200 requests to it, 600 to forest-1" in panel
    assert "Why: errors 7.00% of 200 requests." in panel and "worse: errors 7.00%" in panel
    assert "ann@<b>host</b>" in panel, "text, not markup"
    assert browser.overflow() <= 0 and browser.complaints() == []


def test_the_dashboard_knows_of_no_rollout_where_there_was_none(client):
    assert client.get("/dashboard/data").json["rollout"] is None
