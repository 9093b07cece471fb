"""A new route is registered, documented, and has a ready-made request; each failure names the file to write in."""

import json
import re
from importlib import import_module
from pkgutil import iter_modules

import pytest
from flask import Blueprint

from service import protocols
from service.app import PROTOCOLS, create_app
from service.settings import Settings
from service.web import views
from service.web.docs.document import make_document
from tests.conftest import ROOT

DOCUMENTS = (ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")))
HTTP_FILE = ROOT / "examples" / "serving.http"
COLLECTION = ROOT / "examples" / "serving.postman_collection.json"
APP = create_app(Settings.read({"RECORDS": "off"}))
with APP.app_context():
    PATHS = make_document(APP, None)["paths"]
ROUTES = [(method.upper(), path) for path, methods in PATHS.items() for method in methods]


def _posted() -> set[tuple[str, str]]:
    return {
        (
            item["request"]["method"],
            item["request"]["url"]
            .replace("{{version}}", "random_forest-1")
            .removeprefix("{{base_url}}")
            .partition("?")[0],
        )
        for item in json.loads(COLLECTION.read_text())["item"]
    }


@pytest.mark.parametrize("module", [found.name for found in iter_modules(views.__path__)])
def test_every_view_module_is_registered(module):
    blueprints = vars(import_module(f"{views.__name__}.{module}")).values()
    made = [one for one in blueprints if isinstance(one, Blueprint)]
    assert set(made) <= set(views.BLUEPRINTS), f"service/web/views/__init__.py: BLUEPRINTS lacks {module}"


def test_every_protocol_is_a_value_of_its_setting():
    rooms = {found.name for found in iter_modules(protocols.__path__) if found.ispkg}
    assert rooms == PROTOCOLS.keys() == Settings.read({}).protocols


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_route_is_named_in_a_document(method, path):
    word = re.compile(rf"{re.escape(path)}(?![\w/])")
    assert any(word.search(document.read_text()) for document in DOCUMENTS), f"README.md and docs/ do not name {path}"


@pytest.mark.parametrize(("method", "template"), ROUTES)
def test_every_route_has_a_ready_made_request(method, template):
    path = template.format(name="model", version="random_forest-1")
    sent = re.compile(rf"^{method} \{{\{{host\}}\}}{re.escape(path)}(?![\w/])", re.MULTILINE)
    assert sent.search(HTTP_FILE.read_text()), f"{HTTP_FILE.name} has no request {method} {path}"
    assert (method, path) in _posted(), f"{COLLECTION.name} has no request {method} {path}"
