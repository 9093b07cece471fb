"""`flask records replay`: a recorded prediction is answered again, bit for bit, by the version that answered it."""

import json
import re
import shutil
import sqlite3

import pytest
from click.testing import CliRunner

from service.app import create_app
from service.cli.records import records_group
from service.settings import Settings
from tests.conftest import until
from tests.models.conftest import FIRST, edit

ROW = {"feature_1": 0.1, "feature_2": 1.2, "feature_3": -0.3, "feature_4": 75.5, "feature_5": 5}
pytestmark = pytest.mark.process


@pytest.fixture
def world(artifacts, tmp_path):
    """Settings of a service with records, and what one prediction and one batch were called."""
    environment = {"ARTIFACTS_DIR": str(artifacts), "VAR_DIR": str(tmp_path / "var")}
    client = create_app(Settings.read(environment)).test_client()
    one = client.post("/predict", json=ROW).json["prediction_id"]
    rows = [{**ROW, "feature_1": place / 7} for place in range(40)]
    many = client.post("/predict/batch", json={"instances": rows}).json["prediction_id"]
    until(lambda: _count(tmp_path) == 41, 600)
    return environment, one, many


def _count(tmp_path):
    try:
        with sqlite3.connect(tmp_path / "var" / "predictions.db") as database:
            return database.execute("select count(*) from predictions").fetchone()[0]
    except sqlite3.OperationalError:
        return 0


def _replay(environment, *arguments, **more):
    return CliRunner().invoke(records_group, ["replay", *arguments], env=environment | more)


def test_a_row_and_a_batch_are_the_same_bit_for_bit(world):
    environment, one, many = world
    for prediction, rows in ((one, "1 row"), (many, "40 rows")):
        run = _replay(environment, prediction)
        assert run.exit_code == 0, run.output
        assert f"{FIRST}: {rows}, the same bit for bit." in run.output


def test_a_record_that_was_changed_differs_and_says_where(world, tmp_path):
    environment, one, many = world
    with sqlite3.connect(tmp_path / "var" / "predictions.db") as database:
        database.execute("update predictions set prediction = 1 - prediction where prediction_id = ?", [one])
        features = json.dumps({**ROW, "feature_1": 9.9})
        database.execute(
            "update predictions set features = ? where prediction_id = ? and row_index = 3", [features, many]
        )
    run = _replay(environment, one)
    assert run.exit_code == 1 and "row 0: it predicted" in run.output
    assert re.search(
        r"row 3: (it predicted|the same prediction, and a probability differs)", _replay(environment, many).output
    )
    sample = _replay(environment, "--sample", "50", "--textfile", str(tmp_path / "replay.prom"))
    assert sample.exit_code == 1
    assert "2 answers of the last 24 hours: 0 the same, 2 different" in sample.output
    assert 'replay_answers{result="different"} 2\n' in (tmp_path / "replay.prom").read_text()


def test_a_sample_of_an_honest_service_is_the_same(world):
    run = _replay(world[0], "--sample", "50")
    assert run.exit_code == 0 and "2 the same, 0 different, 0 not answered" in run.output


def test_a_version_that_is_gone_or_was_made_anew_is_told_in_a_sentence(world, artifacts):
    environment, one, _ = world
    contract = json.loads((artifacts / FIRST / "manifest.json").read_bytes())["contract"]
    contract["features"][0]["name"] = "renamed"
    edit(artifacts / FIRST, contract=contract)
    anew = _replay(environment, one)
    assert anew.exit_code == 1 and "takes other rows now than when it answered" in anew.output
    shutil.rmtree(artifacts / FIRST)

    def is_gone():
        shutil.rmtree(artifacts.parent / "var" / "last_good", ignore_errors=True)
        return f"{FIRST} answered it, and is no longer in" in _replay(environment, one).output

    until(is_gone, 600)
    sample = _replay(environment, "--sample", "5")
    assert sample.exit_code == 0 and "2 not answered" in sample.output


def test_what_cannot_be_replayed_is_told_in_a_sentence(world):
    environment, one, _ = world
    assert "no record of never" in _replay(environment, "never").output
    assert "RECORDS_REDACT leaves feature_2 out" in _replay(environment, one, RECORDS_REDACT="feature_2").output
    assert _replay(environment).exit_code == 2
    assert _replay(environment, one, "--sample", "3").exit_code == 2
