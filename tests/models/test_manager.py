"""What is wanted, what is loaded, and what is reported when they differ: a bad version never takes the service down."""

import hashlib
import json
import os
import shutil

import pytest

from inference.routing import Routing, write_routing
from schemas.errors import NotReady, UnknownVersion
from service.models.manager import ModelManager
from service.settings import Settings
from tests.models.conftest import edit

FIRST, SECOND, THIRD = "random_forest-1", "random_forest-2", "random_forest-3"


@pytest.fixture
def root(artifacts):
    for version in (SECOND, THIRD):
        copy = shutil.copytree(artifacts / FIRST, artifacts / version)
        created = json.loads((copy / "manifest.json").read_bytes())["created"]
        edit(copy, version=version, created=f"{int(created[:4]) + 1}{created[4:]}")
    return artifacts


@pytest.fixture
def make_manager(root, tmp_path):
    def make(**environment):
        given = {"ARTIFACTS_DIR": str(root), "VAR_DIR": str(tmp_path / "var")}
        manager = ModelManager(Settings.read(given | environment))
        manager.refresh()
        return manager

    return make


def _spoil(root, version):
    with (root / version / "pipeline.joblib").open("ab") as file:
        file.write(b"x")
    with (root / version / "golden.json").open("ab") as file:
        file.write(b" ")


def _mend(root, version):
    for name in ("pipeline.joblib", "golden.json"):
        shutil.copy(root / THIRD / name, root / version / name)


def test_routing_names_the_stable_version(make_manager):
    loaded = make_manager().loaded
    assert loaded.stable.version == FIRST
    assert loaded.reasons == ()
    assert list(loaded.models) == [FIRST]


def test_without_routing_the_newest_by_creation_is_stable(root, make_manager):
    (root / "routing.json").unlink()
    assert make_manager().loaded.stable.version == THIRD


def test_a_pin_overrides_routing_and_knows_no_canary(root, make_manager):
    write_routing(root, Routing(FIRST, canary=SECOND, share=1.0))
    loaded = make_manager(MODEL_VERSION=THIRD).loaded
    assert loaded.stable.version == THIRD
    assert loaded.canary is None


def test_a_new_version_is_swapped_in_and_the_old_one_let_go(root, make_manager):
    manager = make_manager()
    write_routing(root, Routing(SECOND))
    manager.refresh()
    assert manager.loaded.stable.version == SECOND
    assert list(manager.loaded.models) == [SECOND]


def test_a_loaded_version_is_not_loaded_again(make_manager):
    manager = make_manager()
    before = manager.loaded.stable
    manager.refresh()
    assert manager.loaded.stable is before


def test_a_broken_new_version_leaves_the_last_good_one_serving_and_says_why(root, make_manager):
    manager = make_manager()
    _spoil(root, SECOND)
    write_routing(root, Routing(SECOND))
    manager.refresh()
    assert manager.loaded.stable.version == FIRST
    assert f"{root.name}/{SECOND}" in manager.loaded.reasons[0]


@pytest.mark.parametrize("spoil", [shutil.rmtree, lambda folder: (folder / "manifest.json").write_text("{")])
def test_where_the_folder_lies_is_in_the_log_and_to_nobody_else(root, make_manager, capfd, spoil):
    spoil(root / FIRST)
    manager = make_manager()
    assert f"{root.name}/{FIRST}" in manager.loaded.reasons[0]
    assert str(root.parent) not in " ".join(manager.loaded.reasons)
    assert f'"folder":"{root}"' in capfd.readouterr().out


def test_a_worker_started_after_that_comes_up_on_the_last_good_version(root, make_manager):
    make_manager()
    _spoil(root, SECOND)
    write_routing(root, Routing(SECOND))
    loaded = make_manager().loaded
    assert loaded.stable.version == FIRST
    assert loaded.reasons


def test_a_version_that_is_mended_is_picked_up(root, make_manager):
    manager = make_manager()
    _spoil(root, SECOND)
    write_routing(root, Routing(SECOND))
    manager.refresh()
    _mend(root, SECOND)
    manager.refresh()
    assert manager.loaded.stable.version == SECOND
    assert manager.loaded.reasons == ()


def test_a_served_version_whose_files_break_is_reported_and_goes_on_answering(root, make_manager):
    manager = make_manager()
    before = manager.loaded.stable
    _spoil(root, FIRST)
    manager.refresh()
    assert manager.loaded.stable is before
    assert FIRST in manager.loaded.reasons[0]
    _mend(root, FIRST)
    manager.refresh()
    assert manager.loaded.stable is before, "what was mended is what is loaded"
    assert manager.loaded.reasons == ()


def test_a_served_version_whose_folder_is_gone_is_reported_and_goes_on_answering(root, make_manager):
    manager = make_manager()
    (root / FIRST).rename(root.parent / "aside")
    manager.refresh()
    assert manager.loaded.stable.version == FIRST
    assert f"{FIRST} is not there" in manager.loaded.reasons[0]


def test_what_was_trained_anew_under_the_same_name_is_served_by_who_had_the_old_one(root, make_manager):
    manager = make_manager()
    shutil.rmtree(root / FIRST)
    anew = edit(root / SECOND, version=FIRST)
    (root / SECOND).rename(root / FIRST)
    manager.refresh()
    assert manager.loaded.stable.manifest.sha256 == anew
    assert manager.loaded.reasons == ()


def test_a_change_of_permissions_alone_is_seen(root, make_manager):
    """Tests may run as root, who reads everything: what is held here is that the version is looked at again."""
    manager = make_manager()
    write_routing(root, Routing(SECOND))
    _spoil(root, SECOND)
    manager.refresh()
    state = manager._refused[SECOND][0]
    (root / SECOND / "golden.json").chmod(0o600)
    manager.refresh()
    assert manager._refused[SECOND][0] != state


def test_a_folder_that_cannot_be_written_is_reported_once_and_not_at_every_look(make_manager, tmp_path, capfd):
    (tmp_path / "file").touch()
    manager = make_manager(VAR_DIR=str(tmp_path / "file" / "var"))
    for _ in range(3):
        manager.refresh()
    assert manager.loaded.reasons == ()
    assert capfd.readouterr().out.count("last_good_not_kept") == 1


def test_routing_that_is_a_pipe_is_reported_and_waits_for_nobody(root, make_manager):
    manager = make_manager()
    (root / "routing.json").unlink()
    os.mkfifo(root / "routing.json")
    manager.refresh()
    assert manager.loaded.stable.version == FIRST
    assert "it is a pipe" in manager.loaded.reasons[0]


def test_routing_that_is_not_json_changes_nothing_and_is_reported(root, make_manager):
    manager = make_manager()
    (root / "routing.json").write_text("{")
    manager.refresh()
    assert manager.loaded.stable.version == FIRST
    assert "routing.json" in manager.loaded.reasons[0]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[]", "stable"),
        ("{}", "stable"),
        ('{"stable": 3}', "stable"),
        ('{"stable": ""}', "stable"),
        ('{"stable": ["a"]}', "stable"),
        ('{"stable": "a\\u0000b"}', "stable"),
        ('{"stable": "../artifacts/random_forest-1"}', "stable"),
        ('{"stable": "a", "canary": "b"}', "canary"),
        ('{"stable": "a", "canary": {"share": 0.5}}', "canary"),
        ('{"stable": "a", "canary": {"version": "b", "share": 2}}', "canary"),
        ('{"stable": "a", "canary": {"version": "b", "share": true}}', "canary"),
        ('{"stable": "a", "shadow": {"version": "b"}}', "shadow"),
        ('{"stable": "a", "keep": "abc"}', "keep"),
        ('{"stable": "a", "keep": [["b"]]}', "keep"),
        ("[" * 100_000, "JSON"),
    ],
)
def test_routing_that_cannot_be_followed_is_reported_by_what_is_wrong(root, make_manager, text, named):
    (root / "routing.json").write_text(text)
    manager = make_manager()
    assert manager.loaded.stable is None
    assert "routing.json" in manager.loaded.reasons[0]
    assert named in manager.loaded.reasons[0]
    with pytest.raises(NotReady, match="routing"):
        manager.loaded.choose(None)


def test_no_artifact_at_all_is_reported_and_a_first_one_is_picked_up(root, make_manager, tmp_path):
    empty = tmp_path / "empty"
    manager = make_manager(ARTIFACTS_DIR=str(empty))
    with pytest.raises(NotReady, match="python -m training"):
        manager.loaded.choose(None)
    shutil.copytree(root / FIRST, empty / FIRST)
    manager.refresh()
    assert manager.loaded.choose(None)[0].version == FIRST


def test_a_canary_takes_its_share_and_a_pin_of_the_request_beats_it(root, make_manager):
    write_routing(root, Routing(FIRST, canary=SECOND, share=0.25, keep=(THIRD,)))
    loaded = make_manager().loaded
    roles = [loaded.choose(None)[1] for _ in range(2000)]
    assert 0.15 < roles.count("canary") / len(roles) < 0.35
    assert loaded.choose(THIRD)[0].version == THIRD
    for unknown in ("", "nix", "../random_forest-1"):
        with pytest.raises(UnknownVersion):
            loaded.choose(unknown)


def test_a_broken_canary_costs_the_canary_only(root, make_manager):
    _spoil(root, SECOND)
    write_routing(root, Routing(FIRST, canary=SECOND, share=1.0))
    loaded = make_manager().loaded
    assert loaded.choose(None)[0].version == FIRST
    assert loaded.reasons


def test_an_artifact_whose_answers_differ_from_its_golden_rows_is_refused(root, make_manager):
    path = root / SECOND / "golden.json"
    golden = json.loads(path.read_bytes())
    golden["probabilities"][0][0] += 1e-5
    path.write_text(json.dumps(golden))
    files = json.loads((root / SECOND / "manifest.json").read_bytes())["files"]
    edit(root / SECOND, files=files | {"golden.json": hashlib.sha256(path.read_bytes()).hexdigest()})
    write_routing(root, Routing(SECOND))
    assert "1 of" in make_manager().loaded.reasons[0]
