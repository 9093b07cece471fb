"""The pages in a real headless Chromium that can reach nothing but this machine."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from service.access.tokens import SCOPES, line_of, new_token

pytestmark = [pytest.mark.process, pytest.mark.slow]

WIDTHS = (390, 1280)
PREDICT = "#operations-predictions-predict"
ANSWER = f"{PREDICT} .live-responses-table .response"


@pytest.fixture
def photograph(browser, tmp_path):
    """Keep a picture of the page, in PICTURES if that names a folder."""
    folder = Path(os.environ.get("PICTURES", tmp_path))
    return lambda name: browser.photograph(folder / f"{name}.png")


def _stays_at_home(browser, server):
    assert browser.hosts() == {urlsplit(server.url).netloc}
    assert browser.complaints() == []


def _try_out(browser):
    browser.click(f"{PREDICT} .opblock-summary-control")
    browser.click(f"{PREDICT} .try-out__btn")
    browser.click(f"{PREDICT} .execute")
    return browser.read(f"{ANSWER} .response-col_status")


def test_a_prediction_is_tried_out_in_swagger_ui_on_a_phone_and_on_a_desk(serve, browser, photograph):
    server = serve()
    for width in WIDTHS:
        browser.open(f"{server.url}/docs", width)
        browser.wait("#swagger-ui .opblock-summary-path", "/predict")
        photograph(f"swagger-{width}")
        assert _try_out(browser).startswith("200")
        answer = browser.wait(f"{ANSWER} .response-col_description", "prediction_id")
        browser.driver.execute_script("arguments[0].scrollIntoView()", answer)
        photograph(f"swagger-tried-{width}")
        assert browser.overflow() <= 0
        _stays_at_home(browser, server)


def test_redoc_shows_the_same_document(serve, browser, photograph):
    server = serve()
    for width in WIDTHS:
        browser.open(f"{server.url}/redoc", width)
        browser.wait("#redoc", "Ask the model.")
        photograph(f"redoc-{width}")
        browser.click("#redoc button", "Show")
        shown = browser.wait("#redoc h2, #redoc h3", "Predict one row")
        browser.driver.execute_script("arguments[0].scrollIntoView()", shown)
        browser.wait("#redoc", "feature_5")
        photograph(f"redoc-operation-{width}")
        assert browser.overflow() <= 0
        _stays_at_home(browser, server)


def test_the_pages_work_without_a_model_and_say_so(serve, browser, tmp_path):
    server = serve(ARTIFACTS_DIR=str(tmp_path / "none"))
    browser.open(f"{server.url}/apidocs/")
    browser.wait("#swagger-ui .info", "No model is loaded now")
    _stays_at_home(browser, server)


def test_a_token_given_to_swagger_ui_is_sent(serve, browser, tmp_path):
    token = new_token()
    file = tmp_path / "tokens"
    file.write_text(line_of("browser", token, SCOPES) + "\n")
    server = serve(API_TOKENS_FILE=str(file))
    browser.open(f"{server.url}/apidocs/")
    browser.click("button.authorize")
    browser.wait(".auth-container input").send_keys(token)
    browser.click(".auth-btn-wrapper .authorize")
    browser.click(".btn-done")
    assert _try_out(browser).startswith("200")
    _stays_at_home(browser, server)


def test_a_person_with_a_token_opens_the_pages_in_any_order(serve, browser, tmp_path):
    token = new_token()
    file = tmp_path / "tokens"
    file.write_text(line_of("person", token, ["observe"]) + "\n")
    pages = [("/model/drift.html", "Nothing was predicted"), ("/dashboard", "requests per second")]
    for order in (pages, pages[::-1]):
        server = serve(API_TOKENS_FILE=str(file))  # on a port that the browser knows no password of
        # As the browser's dialogue does it: the password goes out in answer to a challenge only.
        browser.driver.get(f"{server.url.replace('//', f'//me:{token}@')}{order[0][0]}")
        for path, shown in order:
            browser.open(server.url + path)
            browser.wait("main", shown)
            _stays_at_home(browser, server)


def test_a_row_is_predicted_on_the_landing_page_and_a_wrong_field_is_named(serve, browser, photograph):
    server = serve()
    for width in (320, *WIDTHS):
        browser.open(server.url, width)
        browser.wait("#state", "healthy")
        browser.click("#row button")
        browser.wait("#answer", "random_forest-1")
        assert browser.read("#answer .prediction") == "1"
        photograph(f"home-{width}")
        assert browser.overflow() <= 0
        assert browser.complaints() == []
        field = browser.wait("[data-name=feature_4]")
        field.clear()
        field.send_keys("900")
        browser.click("#row button")
        assert "100" in browser.read("#field-3-error")
        assert "900" in browser.read("#curl")
        assert browser.hosts() == {urlsplit(server.url).netloc}
        assert all("422" in complaint for complaint in browser.complaints()), "the browser's own note of the status"


def test_a_token_typed_on_the_landing_page_is_sent_and_stored_nowhere(serve, browser, tmp_path):
    token = new_token()
    file = tmp_path / "tokens"
    file.write_text(line_of("person", token, ["predict"]) + "\n")
    server = serve(API_TOKENS_FILE=str(file))
    browser.open(server.url)
    browser.click("#row button")
    browser.wait("#answer", "Give a token")
    browser.wait("#token").send_keys(token)
    browser.click("#row button")
    browser.wait("#answer", "random_forest-1")
    stored = "return JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage), document.cookie])"
    assert token not in browser.driver.execute_script(stored)
    assert token not in browser.driver.current_url and token not in browser.read("#curl")


def test_every_page_fits_a_small_phone_and_loads_from_this_host_alone(serve, browser, photograph):
    server = serve()
    pages = {"card": ("/model/card", "Confusion"), "performance": ("/model/performance.html", "Nothing was predicted")}
    pages["dashboard-empty"] = ("/dashboard", "No predictions")
    for name, (path, shown) in pages.items():
        for width in (320, 1280):
            browser.open(server.url + path, width)
            browser.wait("main", shown)
            photograph(f"{name}-{width}")
            assert browser.overflow() <= 0
            _stays_at_home(browser, server)
