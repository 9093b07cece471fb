"""``flask models rollback``, ``history``, ``prune`` and the table of ``list``, as an operator types them."""

import json
import shutil

import pytest
from click.testing import CliRunner

from inference.routing import Routing, read_routing, write_routing
from inference.routing_history import HISTORY, MAX_CHANGES, Change, append_change, previous_stable, read_changes
from service.cli.models import models_group
from tests.models.conftest import FIRST, edit

VERSIONS = ("b-1", "c-1", "d-1")


@pytest.fixture
def root(artifacts):
    """Four versions, of which the first is stable; d-1 is the newest."""
    for day, version in enumerate(VERSIONS, 1):
        shutil.copytree(artifacts / FIRST, artifacts / version)
        edit(artifacts / version, version=version, created=f"2030-01-0{day}T00:00:00.000Z")
    return artifacts


@pytest.fixture
def run(root, tmp_path):
    def call(*arguments, **environment):
        given = {"ARTIFACTS_DIR": str(root), "VAR_DIR": str(tmp_path / "var"), "SUDO_USER": ""}
        return CliRunner().invoke(models_group, arguments, env=given | environment)

    return call


def _stable(root):
    return read_routing(root).stable


def test_rollback_leads_to_the_stable_version_before_and_then_further_back(run, root):
    run("promote", "b-1")
    run("promote", "c-1")
    assert "b-1 is now stable, in the place of c-1" in run("rollback").output
    assert _stable(root) == "b-1"
    assert run("rollback").exit_code == 0
    assert _stable(root) == FIRST
    last = run("rollback")
    assert last.exit_code == 1
    assert f"No stable version before {FIRST} is known" in last.output and "flask models promote" in last.output
    run("promote", "d-1")
    run("rollback")
    assert _stable(root) == FIRST


def test_rollback_takes_a_canary_out_first_and_leaves_the_stable_version(run, root):
    run("promote", "b-1")
    run("promote", "c-1", "--canary", "0.2")
    assert "c-1 is no canary any more. b-1 stays the stable version." in run("rollback").output
    assert read_routing(root) == Routing("b-1")


def test_rollback_to_a_version_that_is_gone_is_refused_and_changes_nothing(run, root):
    run("promote", "b-1")
    shutil.rmtree(root / FIRST)
    refused = run("rollback")
    assert refused.exit_code == 1
    assert f"{FIRST}, which was stable before b-1, cannot be" in refused.output
    assert _stable(root) == "b-1"


def test_rollback_knows_of_an_edit_by_hand_what_the_history_knows_before_it(run, root):
    run("promote", "b-1")
    write_routing(root, Routing("c-1"))
    assert run("rollback").exit_code == 0
    assert _stable(root) == "b-1"


@pytest.mark.parametrize("command", [("rollback",), ("prune", "--keep", "1"), ("rollout", "b-1")])
def test_nothing_is_changed_where_nobody_follows_routing(run, root, command):
    refused = run(*command, MODEL_VERSION="b-1")
    assert refused.exit_code == 1
    assert (
        "MODEL_VERSION=b-1 names the model to serve" in refused.output and "unset MODEL_VERSION first" in refused.output
    )
    assert not (root / HISTORY).exists() or read_changes(root)[0][-1].what.startswith("python -m training")


def test_every_command_that_changes_routing_leaves_a_line_that_says_who_when_what_and_why(run, root):
    run("promote", "b-1", "--why", "better on March's data")
    run("promote", "c-1", "--canary", "0.05")
    run("promote", "d-1", "--shadow")
    run("retire", "c-1")
    run("rollback", "--why", "slow")
    changes, broken = read_changes(root)
    assert broken == 0
    done = ["promote b-1", "promote c-1 --canary 0.05", "promote d-1 --shadow", "retire c-1", "rollback"]
    assert [change.what for change in changes[-5:]] == done
    assert [changes[-5].why, changes[-1].why] == ["better on March's data", "slow"]
    assert all("@" in change.who and change.time.endswith("Z") for change in changes)
    assert changes[-1].before["stable"] == "b-1" and changes[-1].after["stable"] == FIRST
    shown = run("history").output
    assert "better on March's data" in shown and shown.index("promote b-1") < shown.index("rollback")
    assert all(len(line) <= 80 for line in shown.splitlines())
    assert [json.loads(line)["what"] for line in run("history", "--json", "--last", "2").output.splitlines()] == done[
        3:
    ]


def test_the_first_training_leaves_a_line_too(root):
    changes, _ = read_changes(root)
    assert (changes[0].what, changes[0].before, changes[0].after["stable"]) == ("python -m training", None, FIRST)


def test_a_change_that_changes_nothing_leaves_no_line(run, root):
    before = len(read_changes(root)[0])
    assert run("promote", FIRST).exit_code == 0
    assert len(read_changes(root)[0]) == before


def test_behind_sudo_the_user_who_called_it_is_named(run, root):
    run("promote", "b-1", SUDO_USER="ann", LOGNAME="root")
    assert read_changes(root)[0][-1].who.startswith("ann@")


def test_lines_that_were_cut_off_or_edited_are_passed_over_and_said(run, root):
    run("promote", "b-1")
    with (root / HISTORY).open("ab") as file:
        file.write(b'{"time": 1}\n[]\n\xff\xfe\n{"time": "2026-01-01T00:00:0')
    shown = run("history")
    assert shown.exit_code == 0
    assert "4 lines of history.jsonl cannot be read" in shown.output and "promote b-1" in shown.output
    run("promote", "c-1")
    assert [change.what for change in read_changes(root)[0]][-2:] == ["promote b-1", "promote c-1"]
    assert run("rollback").exit_code == 0


def test_the_history_keeps_the_newest_changes_only(tmp_path):
    for number in range(MAX_CHANGES + 5):
        append_change(tmp_path, Change("2026-01-01T00:00:00.000Z", "a@b", f"promote v-{number}", "", None, {}))
    changes, broken = read_changes(tmp_path)
    assert (len(changes), broken, changes[0].what, changes[-1].what) == (
        MAX_CHANGES,
        0,
        "promote v-5",
        "promote v-1004",
    )


def test_history_of_nothing_says_so(tmp_path):
    assert previous_stable([], "a-1") is None
    shown = CliRunner().invoke(models_group, ["history"], env={"ARTIFACTS_DIR": str(tmp_path)})
    assert (shown.exit_code, shown.output) == (0, "No change is recorded yet.\n")


def test_prune_keeps_what_has_a_role_what_rollback_leads_to_and_the_newest(run, root):
    for version in ("e-1", "f-1"):
        shutil.copytree(root / FIRST, root / version)
        edit(root / version, version=version, created="2029-01-01T00:00:00.000Z")
    run("promote", "b-1")
    run("promote", "f-1", "--keep")
    rehearsed = run("prune", "--keep", "1", "--dry-run")
    assert "would remove c-1" in rehearsed.output and "would remove e-1" in rehearsed.output
    assert (root / "c-1").is_dir() and (root / "e-1").is_dir()
    done = run("prune", "--keep", "1")
    assert done.exit_code == 0
    assert "removed c-1" in done.output and "removed e-1" in done.output
    for kept in ("b-1: stable", "d-1: among the newest 1", "f-1: kept", f"{FIRST}: rollback leads to it"):
        assert f"kept {kept}" in done.output
    assert sorted(path.name for path in root.iterdir() if path.is_dir()) == sorted(["b-1", "d-1", "f-1", FIRST])
    assert read_changes(root)[0][-1].why == "removed e-1, c-1"
    assert "Nothing to remove" in run("prune", "--keep", "1").output


def test_prune_removes_nothing_where_it_is_not_known_what_has_a_role(run, root):
    (root / "routing.json").write_text("{")
    refused = run("prune", "--keep", "0")
    assert refused.exit_code == 1 and "cannot be read as JSON" in refused.output
    assert (root / "c-1").is_dir()


def test_prune_leaves_broken_artifacts_and_says_so(run, root):
    (root / "c-1" / "manifest.json").write_text("{")
    assert "kept c-1: broken" in run("prune", "--keep", "0").output
    assert (root / "c-1").is_dir()


def test_list_has_a_header_and_fits_eighty_columns_whatever_the_names_are(run, root):
    document = json.loads((root / "b-1" / "manifest.json").read_bytes())
    document["contract"]["target"] = "the_annual_income_of_the_household"
    document["training"]["source"] = "/a/very/long/path/to/a/file/with/customers.csv.gz"
    edit(root / "b-1", contract=document["contract"], training=document["training"])
    run("promote", "d-1", "--canary", "0.25")
    lines = run("list").output.splitlines()
    assert lines[0].split() == ["VERSION", "ROLE", "TASK", "TARGET", "DATA", "DATE", "METRIC"]
    assert [line.split()[0] for line in lines[1:]] == ["d-1", "c-1", "b-1", FIRST]
    assert all(len(line) <= 80 for line in lines)
    assert "canary 25%" in lines[1] and "2030-01-03" in lines[1] and "accuracy 0.9" in lines[1]
    facts = json.loads(run("list", "--json").output)
    assert facts[2]["target"] == "the_annual_income_of_the_household"
    assert facts[2]["data"].endswith("customers.csv.gz")
    assert (facts[0]["roles"], facts[0]["metric"]) == (["canary 25%"], "accuracy")
