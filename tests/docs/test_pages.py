"""The pages' addresses, files and headers."""

import json
import re
import shutil

import pytest
from flasgger.commands import generate_api_schema

PAGES = ("/apidocs/", "/redoc", "/dashboard", "/model/drift.html", "/model/performance.html", "/model/card")
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture
def client(make_client, tmp_path):
    return make_client(ARTIFACTS_DIR=str(tmp_path / "none"))


@pytest.mark.parametrize("path", ["/apidocs", "/docs"])
def test_the_usual_addresses_lead_to_the_page(client, path):
    answer = client.get(path)
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/apidocs/"


@pytest.mark.parametrize("path", ["/", *PAGES])
def test_a_page_and_all_it_names_come_from_here_and_may_load_from_nowhere_else(client, path):
    page = client.get(path, headers=BROWSER)
    assert page.status_code == 200 and page.mimetype == "text/html"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "unsafe-eval" not in page.headers["Content-Security-Policy"]
    assert "http:" not in page.text and "https:" not in page.text
    named = re.findall(r'(?:src|href|data-script)="([^"]+)"', page.text)
    assert len(named) >= 6
    for address in named:
        if address.startswith("#"):
            continue
        answer = client.get(address)
        assert answer.status_code in ((200, 503) if address in ("/model/info", "/health") else (200,))
        if address.startswith("/pages/"):
            assert answer.headers["Cache-Control"] == "public, max-age=86400"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            again = client.get(address, headers={"If-None-Match": answer.headers["ETag"]})
            assert again.status_code == 304
        answer.close()


def test_redoc_knows_no_other_host_to_fetch_from_or_report_to(client):
    script = client.get("/pages/redoc.js").text
    for host in ("cdn.redoc.ly", "cdn.redocly.com", "otel.cloud.redocly.com"):
        assert host not in script


@pytest.mark.parametrize("name", ["nix.js", "../pages.py", "%2e%2e/pages.py", "lib/jquery.min.js", ""])
def test_no_other_file_is_served(client, name):
    answer = client.get(f"/pages/{name}")
    assert answer.status_code == 404
    assert answer.content_type == "application/problem+json"


def test_pages_ask_for_no_token(make_client, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.touch()
    client = make_client(API_TOKENS_FILE=str(tokens))
    for path in ("/apidocs/", "/redoc", "/apispec.json", "/pages/pages.css", "/docs"):
        answer = client.get(path)
        assert answer.status_code in (200, 302), path
        answer.close()


def test_behind_a_prefix_the_pages_name_it(client):
    page = client.get("/apidocs/", environ_overrides={"SCRIPT_NAME": "/serving"}).text
    assert 'data-document="/serving/apispec.json"' in page
    document = client.get("/apispec.json", environ_overrides={"SCRIPT_NAME": "/serving"}).get_json()
    assert document["servers"] == [{"url": "/serving"}]


def test_the_command_that_flasgger_adds_to_flask_prints_the_same_document(make_client, tmp_path):
    client = make_client()
    served = client.get("/apispec.json").json
    file = tmp_path / "document.json"
    done = client.application.test_cli_runner().invoke(generate_api_schema, ["--file", str(file)])
    assert done.exit_code == 0, done.output
    assert json.loads(file.read_text()) == served


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (BROWSER["Accept"], "text/html"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("text/html;q=0.5, application/json", "application/json"),
        ("nonsense", "application/json"),
        (None, "application/json"),
    ],
)
def test_the_root_is_a_page_for_browsers_and_json_for_programs(client, accept, media):
    answer = client.get("/", headers={"Accept": accept} if accept else {})
    assert (answer.mimetype, answer.headers["Vary"]) == (media, "Accept")


def test_every_page_leads_to_every_other(client):
    for path in ("/", *PAGES):
        page = client.get(path, headers=BROWSER).text
        assert page.count('aria-current="page"') == 1, path
        for other in ("/", *PAGES):
            assert f'href="{other}"' in page, (path, other)


def test_without_a_model_the_pages_say_how_to_get_one(client):
    for path in ("/", "/model/card"):
        page = client.get(path, headers=BROWSER).text
        assert "No model is served" in page and "python -m training" in page


def test_the_form_of_the_landing_page_has_each_feature_with_its_example(make_client):
    client = make_client()
    page = client.get("/", headers=BROWSER).text
    for feature in client.get("/model/info").json["features"]:
        assert f'data-name="{feature["name"]}" data-type="{feature["type"]}" value="{feature["example"]}"' in page
    assert 'id="token"' not in page


def test_the_card_of_a_version_is_the_one_that_training_drew(make_client):
    client = make_client()
    version = client.get("/health").json["model_version"]
    for address in ("/model/card", f"/model/card?model_version={version}"):
        page = client.get(address).text
        assert "Confusion" in page and "<svg" in page and version in page and 'aria-label="Pages"' in page
    assert client.get("/model/card?model_version=nobody-1").status_code == 404


def test_in_the_place_of_a_card_that_was_changed_the_last_good_copy_is_shown(make_client, artifacts, tmp_path):
    client = make_client(ARTIFACTS_DIR=str(artifacts))
    version = client.get("/health").json["model_version"]
    card = artifacts / version / "card.html"
    card.write_text(card.read_text().replace("Confusion", "Praise"))
    page = client.get("/model/card").text
    assert "Praise" not in page and "Confusion" in page
    shutil.rmtree(tmp_path / "var" / "last_good")
    page = client.get("/model/card").text
    assert "Praise" not in page and "has no drawn card" in page
