"""One owner of the question where a version lies: ARTIFACTS_DIR, or what MODEL_URI fetched into VAR_DIR."""

import pytest

from inference.manifest import Manifest
from inference.routing import Routing, RoutingError, write_routing
from service.models.manager import ModelManager
from service.models.repository import Repository
from service.settings import Settings
from tests.models.conftest import FIRST

REGISTERED = "registered-7"


@pytest.fixture
def make_settings(artifacts, tmp_path):
    def make(**environment):
        return Settings.read({"ARTIFACTS_DIR": str(artifacts), "VAR_DIR": str(tmp_path / "var")} | environment)

    return make


def test_versions_lie_in_the_artifacts_folder_and_routing_says_which_are_wanted(make_settings, artifacts):
    repository = Repository(make_settings())
    write_routing(artifacts, Routing("b-1", shadow=FIRST))
    assert repository.versions() == [FIRST]
    assert repository.folder(FIRST) == artifacts / FIRST
    assert repository.routing() == Routing("b-1", shadow=FIRST)
    assert repository.override == ""
    (artifacts / "routing.json").write_text("{")
    with pytest.raises(RoutingError):
        repository.routing()


def test_a_pin_is_wanted_whatever_routing_says(make_settings, artifacts):
    (artifacts / "routing.json").write_text("{")
    repository = Repository(make_settings(MODEL_VERSION="b-1"))
    assert repository.routing() == Routing("b-1")
    assert repository.override == "MODEL_VERSION=b-1"


def test_a_registered_model_lies_in_a_folder_of_its_own_once_it_is_fetched(make_settings, registered):
    repository = Repository(make_settings(MODEL_URI="models:/churn/3"))
    assert (repository.versions(), repository.routing()) == ([], None)
    root = registered("churn%2F3")
    assert repository.versions() == [REGISTERED]
    assert repository.folder(REGISTERED) == root / REGISTERED
    assert repository.routing() == Routing(REGISTERED)
    assert Repository(make_settings(MODEL_URI="models:/churn/4")).versions() == []


def test_a_registered_model_is_served_from_there(make_settings, registered):
    registered("churn%2F3")
    manager = ModelManager(make_settings(MODEL_URI="models:/churn/3"))
    manager.refresh()
    assert manager.loaded.stable.version == REGISTERED
    assert manager.loaded.reasons == ()


def test_the_version_that_worked_last_is_remembered_by_the_next_process(make_settings, artifacts, tmp_path):
    assert Repository(make_settings()).last_good() is None
    Repository(make_settings()).keep_last_good(Manifest.read(artifacts / FIRST))
    assert Repository(make_settings()).last_good() == FIRST
    assert Repository(make_settings(MODEL_VERSION="b-1")).last_good() is None, "a pin is for its version alone"
    assert Repository(make_settings(MODEL_URI="models:/churn/3")).last_good() is None
    for content in ("{", "[]", "{}", '{"version": 7}'):
        (tmp_path / "var" / "last_good.json").write_text(content)
        assert Repository(make_settings()).last_good() is None


def test_a_reason_for_clients_does_not_say_where_the_folder_lies(make_settings, artifacts):
    shown = Repository(make_settings()).without_location(f"{artifacts / FIRST} is broken.")
    assert shown == f"artifacts/{FIRST} is broken."
