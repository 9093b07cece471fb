import pytest

from service.web import lean
from tests.services import nginx as nginx
from tests.services import redis_server as redis_server


@pytest.fixture(params=["lean", "plain"])
def flask_kind(request, monkeypatch):
    """The kind of application: on the lean classes, or plain as under a Flask that they were not read against."""
    if request.param == "plain":
        monkeypatch.setattr(lean, "installed_versions", lambda: {"flask": "9.0.1", "werkzeug": "9.2"})
    return request.param


@pytest.fixture
def make_client(make_client, flask_kind):
    """The factory of clients; every test that uses it runs with both kinds of application."""
    return make_client
