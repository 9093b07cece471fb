"""axe-core, the checker of accessibility rules (WCAG), finds nothing on any page: light and dark, phone and desk."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.services import missing
from training.default_model import make_frame

pytestmark = [
    pytest.mark.process,
    pytest.mark.slow,
    pytest.mark.xdist_group("browser"),
]

RUN = """
const done = arguments[0];
axe.run({exclude: [['#swagger-ui'], ['#redoc']]}, {resultTypes: ['violations']}).then(found => done(found.violations));
"""
"""Swagger UI and ReDoc are shipped as their projects make them: colours, headings and nested buttons are theirs."""
PAGES = {
    "/": ("#state", "healthy"),
    "/apidocs/": ("#swagger-ui .opblock-summary-path", "/predict"),
    "/redoc": ("#redoc", "Ask the model."),
    "/dashboard": ("main", "requests per second"),
    "/model/drift.html": ("main", "feature_2: alarm"),
    "/model/card": ("main", "Confusion"),
    "/model/performance.html": ("main", "accuracy"),
}
"""What is shown once a page is complete."""
SECOND_MAIN = {"landmark-no-duplicate-main", "landmark-unique", "landmark-main-is-top-level"}
OF_OTHERS = {"/apidocs/": SECOND_MAIN, "/redoc": SECOND_MAIN}
"""Both bundles put a ``main`` of their own into ours, and leave a part of their page outside of it."""
SECONDS = 300


@pytest.fixture(scope="module")
def axe():
    """The checker's script: from NODE_PATH, or where npm installs for all."""
    folders = os.environ.get("NODE_PATH", "").split(os.pathsep)
    if npm := shutil.which("npm"):
        folders.append(subprocess.run([npm, "root", "-g"], capture_output=True, text=True).stdout.strip())
    for folder in filter(None, folders):
        script = Path(folder) / "axe-core" / "axe.min.js"
        if script.is_file():
            return script.read_text()
    return missing("axe-core is not installed (npm package axe-core); tried with 4.14.1")


@pytest.fixture
def busy(serve):
    """A service with traffic, outcomes, and one feature that drifts, so that no page is empty."""
    server = serve(MONITOR_SECONDS="1")
    frame = make_frame(11, 400).assign(feature_2=lambda rows: rows["feature_2"] + 1)
    rows = json.loads(frame.drop(columns="target").to_json(orient="records"))
    identity = server.ask("/predict/batch", {"instances": rows})[1]["prediction_id"]
    outcomes = [
        {"prediction_id": identity, "row": row, "outcome": known} for row, known in enumerate(frame["target"].tolist())
    ]
    server.until(lambda: server.ask("/feedback", {"outcomes": outcomes})[0] in (200, 201))
    server.until(lambda: bool(server.ask("/dashboard/data")[1]["points"][-1]["accuracy"]))
    return server


@pytest.mark.parametrize("width", [390, 1280], ids=["phone", "desk"])
def test_axe_finds_nothing_on_any_page(busy, browser, axe, width):
    found = []
    browser.driver.set_script_timeout(SECONDS)
    for page, (selector, shown) in PAGES.items():
        for scheme in ("light", "dark"):
            media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
            browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
            browser.open(busy.url + page, width)
            browser.wait(selector, shown)
            browser.driver.execute_script(axe)
            for one in browser.driver.execute_async_script(RUN):
                if one["id"] not in OF_OTHERS.get(page, ()):
                    parts = [f"{node['target']} {node['failureSummary']}" for node in one["nodes"]]
                    found.append(f"{page} {scheme}: {one['id']}: {one['help']}\n  " + "\n  ".join(parts[:5]))
    assert not found, "\n".join(found)


def test_axe_finds_a_picture_without_a_text(browser, axe):
    browser.open("data:text/html,<html lang=en><title>x</title><img src=x>")
    browser.driver.execute_script(axe)
    assert "image-alt" in {one["id"] for one in browser.driver.execute_async_script(RUN)}
