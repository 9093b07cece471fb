"""Error types are stable names: each belongs to one class, is documented, and is the same from Flask and gunicorn."""

import json
import re

import pytest
from flask import abort

from schemas import errors
from schemas.errors import ServiceError
from schemas.errors_by_status import error_class
from service.server.error_responses import error_response
from service.web.operation import Operation, operation
from tests.conftest import ROOT

CLASSES = [found for found in vars(errors).values() if isinstance(found, type) and issubclass(found, ServiceError)]
GUNICORN = (400, 403, 408, 414, 417, 431, 500, 501)


def test_no_two_classes_have_one_type():
    types = [error.type for error in CLASSES]
    assert len(types) > 15
    assert len(set(types)) == len(types)


def test_the_documented_types_are_those_of_the_classes():
    rows = re.findall(r"^\| (\d+) \| `(urn:problem:[a-z-]+)` \|", (ROOT / "docs/openapi.md").read_text(), re.MULTILINE)
    assert sorted(rows) == sorted((str(error.status), error.urn()) for error in CLASSES)


def test_every_class_is_in_the_tree_of_the_docstring():
    assert errors.__doc__ is not None
    assert {error.__name__ for error in CLASSES} <= set(re.findall(r"\w+", errors.__doc__))


@pytest.mark.parametrize("status", GUNICORN)
def test_a_refusal_has_one_type_whether_flask_or_gunicorn_makes_it(make_client, status):
    client = make_client()

    @client.application.get("/refuse")
    @operation(Operation("Refuse", "service", {200: None}, scope=None))
    def refuse():
        abort(status)

    flask = client.get("/refuse").get_json()
    gunicorn = json.loads(error_response(status, "id").partition(b"\r\n\r\n")[2])
    for name in ("type", "title", "status"):
        assert flask[name] == gunicorn[name]
    assert flask.keys() == gunicorn.keys()
    assert gunicorn["type"] == error_class(status, "").urn()


def test_a_status_without_a_class_is_named_after_its_phrase():
    error = error_class(406, "Not Acceptable")("No.")
    assert (error.urn(), error.status, error.title) == ("urn:problem:not-acceptable", 406, "Not Acceptable")
    document = json.loads(error_response(428, "id").partition(b"\r\n\r\n")[2])
    assert document["type"] == "urn:problem:precondition-required"
