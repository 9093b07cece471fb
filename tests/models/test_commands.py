"""``flask models`` as an operator types it."""

import json

import pytest
from click.testing import CliRunner

from inference.manifest import digest
from service.cli.models import models_group


@pytest.fixture
def run(artifacts, tmp_path):
    def call(*arguments, **environment):
        given = {"ARTIFACTS_DIR": str(artifacts), "VAR_DIR": str(tmp_path / "var")}
        return CliRunner().invoke(models_group, arguments, env=given | environment)

    return call


def test_list_names_each_version_with_role_and_quality(run):
    shown = run("list")
    assert shown.exit_code == 0
    assert "random_forest-1" in shown.output
    assert "stable" in shown.output
    assert "accuracy 0.9" in shown.output


def test_list_says_what_is_broken(run, artifacts):
    (artifacts / "random_forest-1" / "manifest.json").write_text("{")
    assert "broken" in run("list").output


def test_list_of_nothing_says_how_to_make_something(tmp_path):
    shown = CliRunner().invoke(models_group, ["list"], env={"ARTIFACTS_DIR": str(tmp_path)})
    assert shown.exit_code == 1
    assert "python -m training" in shown.output


@pytest.mark.parametrize(
    ("options", "key", "value"),
    [
        ((), "stable", "random_forest-1"),
        (("--canary", "0.1"), "canary", {"version": "random_forest-1", "share": 0.1}),
        (("--shadow",), "shadow", "random_forest-1"),
        (("--keep",), "keep", ["random_forest-1"]),
    ],
)
def test_promote_writes_routing(run, artifacts, options, key, value):
    assert run("promote", "random_forest-1", *options).exit_code == 0
    assert json.loads((artifacts / "routing.json").read_bytes())[key] == value


@pytest.fixture
def other_rows(artifacts):
    """A second version, without feature_2, with feature_9 and with feature_5 as a number."""
    document = json.loads((artifacts / "random_forest-1" / "manifest.json").read_bytes()) | {"version": "other-1"}
    features = {feature["name"]: feature for feature in document["contract"]["features"]}
    features["feature_2"]["name"] = "feature_9"
    features["feature_5"]["type"] = "number"
    document["sha256"] = digest(document)
    (artifacts / "other-1").mkdir()
    (artifacts / "other-1" / "manifest.json").write_text(json.dumps(document))
    return "other-1"


@pytest.mark.parametrize(("option", "warned"), [((), True), (("--canary", "0.1"), True), (("--keep",), False)])
def test_promote_warns_that_what_clients_send_now_will_be_refused(run, other_rows, option, warned):
    promoted = run("promote", other_rows, *option)
    assert promoted.exit_code == 0
    warning = "other rows than random_forest-1: without feature_2; with feature_9, feature_5 as number"
    assert (warning in promoted.output) is warned


@pytest.mark.parametrize("version", ["nix-1", "../artifacts/random_forest-1", "random_forest-1/", "."])
def test_promote_refuses_what_is_not_there_and_changes_nothing(run, artifacts, version):
    before = (artifacts / "routing.json").read_bytes()
    refused = run("promote", version)
    assert refused.exit_code == 1
    assert "was not promoted" in refused.output
    assert (artifacts / "routing.json").read_bytes() == before


def test_retire_takes_a_version_out_of_every_role_but_stable(run, artifacts):
    roles = {"canary": {"version": "b-1", "share": 0.1}, "shadow": "b-1", "keep": ["b-1", "c-1"]}
    (artifacts / "routing.json").write_text(json.dumps({"stable": "random_forest-1"} | roles))
    assert run("retire", "b-1").exit_code == 0
    left = {"stable": "random_forest-1", "canary": None, "shadow": None, "keep": ["c-1"]}
    assert json.loads((artifacts / "routing.json").read_bytes()) == left
    for version, why in (("random_forest-1", "stable"), ("b-1", "no role")):
        refused = run("retire", version)
        assert refused.exit_code == 1
        assert why in refused.output


@pytest.mark.parametrize("options", [("--canary", "0.05"), ("--shadow",), ("--keep",)])
def test_a_canary_never_becomes_the_stable_one_because_routing_cannot_be_read(run, artifacts, options):
    (artifacts / "routing.json").write_text("{")
    refused = run("promote", "random_forest-1", *options)
    assert refused.exit_code == 1
    assert "Promote that one first" in refused.output
    assert (artifacts / "routing.json").read_text() == "{"


def test_promote_mends_a_routing_file_that_cannot_be_read(run, artifacts):
    (artifacts / "routing.json").write_text("{")
    assert run("promote", "random_forest-1").exit_code == 0
    assert json.loads((artifacts / "routing.json").read_bytes())["stable"] == "random_forest-1"


def test_list_shows_a_registered_model_and_not_the_artifacts_folder(run, registered):
    waiting = run("list", MODEL_URI="models:/churn/3")
    assert waiting.exit_code == 1
    assert "MODEL_URI=models:/churn/3 is not on this host yet" in waiting.output
    registered("churn%2F3")
    shown = run("list", MODEL_URI="models:/churn/3")
    assert shown.exit_code == 0
    assert shown.output.splitlines()[1].split()[:2] == ["registered-7", "stable"]
    assert "random_forest-1" not in shown.output
    assert "MODEL_URI=models:/churn/3 names the model to serve" in shown.output


def test_list_shows_a_pinned_version_as_the_stable_one(run, other_rows):
    lines = run("list", MODEL_VERSION=other_rows).output.splitlines()
    assert {line.split()[0]: line.split()[1] for line in lines[1:3]} == {other_rows: "stable", "random_forest-1": "-"}
    assert f"MODEL_VERSION={other_rows} names the model to serve" in lines[3]


@pytest.mark.parametrize("setting", [{"MODEL_URI": "models:/churn/3"}, {"MODEL_VERSION": "random_forest-1"}])
@pytest.mark.parametrize("command", [("promote", "random_forest-1"), ("retire", "b-1")])
def test_no_role_is_given_or_taken_where_nobody_follows_routing(run, artifacts, registered, command, setting):
    registered("churn%2F3")
    before = (artifacts / "routing.json").read_bytes()
    refused = run(*command, **setting)
    assert refused.exit_code == 1
    (name,) = setting
    assert f"{name}={setting[name]} names the model to serve" in refused.output
    assert f"unset {name} first" in refused.output
    assert (artifacts / "routing.json").read_bytes() == before
