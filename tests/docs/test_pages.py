"""The pages' addresses, files and headers."""

import json
import re

import pytest
from flasgger.commands import generate_api_schema


@pytest.fixture
def client(make_client, tmp_path):
    return make_client(ARTIFACTS_DIR=str(tmp_path / "none"))


@pytest.mark.parametrize("path", ["/apidocs", "/docs"])
def test_the_usual_addresses_lead_to_the_page(client, path):
    answer = client.get(path)
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/apidocs/"


@pytest.mark.parametrize("path", ["/apidocs/", "/redoc"])
def test_a_page_and_all_it_names_come_from_here_and_may_load_from_nowhere_else(client, path):
    page = client.get(path)
    assert page.status_code == 200 and page.mimetype == "text/html"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "unsafe-eval" not in page.headers["Content-Security-Policy"]
    assert "http:" not in page.text and "https:" not in page.text
    named = re.findall(r'(?:src|href|data-script)="([^"]+)"', page.text)
    assert len(named) >= 6
    for address in named:
        answer = client.get(address)
        assert answer.status_code == 200
        if "/static/" in address:
            assert answer.headers["Cache-Control"] == "public, max-age=86400"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            again = client.get(address, headers={"If-None-Match": answer.headers["ETag"]})
            assert again.status_code == 304
        answer.close()


def test_redoc_knows_no_other_host_to_fetch_from_or_report_to(client):
    script = client.get("/apidocs/static/redoc.js").text
    for host in ("cdn.redoc.ly", "cdn.redocly.com", "otel.cloud.redocly.com"):
        assert host not in script


@pytest.mark.parametrize("name", ["nix.js", "../pages.py", "%2e%2e/pages.py", "lib/jquery.min.js", ""])
def test_no_other_file_is_served(client, name):
    answer = client.get(f"/apidocs/static/{name}")
    assert answer.status_code == 404
    assert answer.content_type == "application/problem+json"


def test_pages_ask_for_no_token(make_client, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.touch()
    client = make_client(API_TOKENS_FILE=str(tokens))
    for path in ("/apidocs/", "/redoc", "/apispec.json", "/apidocs/static/pages.css", "/docs"):
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
