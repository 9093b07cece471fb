"""What the release before left goes on working; what a release to come leaves is refused in a sentence."""

import csv
import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sklearn
from click.testing import CliRunner

from inference.manifest import Manifest, digest
from inference.routing import RoutingError, read_routing
from service.cli.models import models_group
from service.records.database.migrate import upgrade
from service.records.shipper import sinks, supervisor
from service.records.spool.codec import CodecError, KnownModel, read_record
from service.records.spool.files import QUARANTINE, read_counts, spool_files, spool_folder
from service.settings import Settings
from tests.conftest import until

HERE = Path(__file__).parent
STABLE, CANARY = "random_forest-1", "logistic_regression-1"
RECORDED, SPOOLED = 40, 15


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    """A folder with copies of ``artifacts`` and ``var`` that a test may change."""
    for name in ("artifacts", "var"):
        shutil.copytree(HERE / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def settings(copies) -> Iterator[Settings]:
    made = Settings.read({"ARTIFACTS_DIR": str(copies / "artifacts"), "VAR_DIR": str(copies / "var")})
    yield made
    supervisor.stop(made, 60)


@pytest.fixture
def models(copies):
    """``flask models`` as an operator types it."""
    environment = {"ARTIFACTS_DIR": str(copies / "artifacts"), "VAR_DIR": str(copies / "var")}
    return lambda *arguments: CliRunner().invoke(models_group, arguments, env=environment)


def _recorded(var, table="predictions"):
    with closing(sqlite3.connect(var / "predictions.db", 60)) as database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute(f"SELECT * FROM {table}")]


def _edit(path, **entries):
    document = json.loads(path.read_bytes()) | entries
    if "sha256" in document:
        document["sha256"] = digest(document)
    path.write_text(json.dumps(document))


@pytest.mark.parametrize("engine", ["auto", "onnx", "sklearn"])
def test_recorded_rows_are_answered_as_the_release_before_answered_them(engine, copies, make_client):
    version = Manifest.read(copies / "artifacts" / STABLE).libraries["scikit-learn"]
    client = make_client(ARTIFACTS_DIR=str(copies / "artifacts"), ENGINE=engine)
    if engine == "sklearn" and version != sklearn.__version__:  # a pickle of another scikit-learn is never loaded
        assert f"Install scikit-learn=={version}" in client.get("/health").get_json()["reason"]
        return
    rows = _recorded(copies / "var")
    assert len(rows) == RECORDED and {row["model_version"] for row in rows} == {STABLE, CANARY}
    for row in rows:
        answer = client.post(f"/predict?model_version={row['model_version']}", json=json.loads(row["features"]))
        assert answer.status_code == 200, answer.text
        document = answer.get_json()
        assert document["prediction"] == row["prediction"]
        assert document["probability"] == pytest.approx(row["probability"], abs=1e-12)


def test_they_are_listed_and_promoted(models, copies, make_client):
    listed = models("list").output
    assert "stable" in listed and "canary 25%" in listed and "broken" not in listed
    assert models("promote", CANARY).exit_code == 0
    client = make_client(ARTIFACTS_DIR=str(copies / "artifacts"))
    assert client.get("/health").get_json()["model_version"] == CANARY
    info = client.get("/model/info").get_json()
    assert info["model_version"] == CANARY and len(info["features"]) == 4


@pytest.mark.process
def test_a_server_goes_on_with_database_and_spool(serve, copies):
    server = serve(ARTIFACTS_DIR=str(copies / "artifacts"), VAR_DIR=str(copies / "var"), RECORDS_KEEP_DAYS="0")
    server.until_serving(1)
    until(lambda: len(_recorded(copies / "var")) == RECORDED + SPOOLED)
    rows = sorted(_recorded(copies / "var"), key=lambda row: row["time"])
    with (HERE / "table.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    for row, cells in zip(rows, table, strict=False):
        features = json.loads(row["features"])
        assert str(features["visits"]) == cells["visits"] and (features["city"] or "") == cells["city"]
    told = {row["prediction_id"] for row in _recorded(copies / "var", "feedback")}
    assert len(told) == RECORDED
    late = rows[-1]["prediction_id"]
    outcome = table[len(rows) - 1]["bought"]
    early = {"prediction_id": rows[0]["prediction_id"], "outcome": table[0]["bought"]}
    assert late not in told
    assert server.ask("/feedback", {"prediction_id": late, "outcome": outcome})[0] in (200, 201)
    assert server.ask("/feedback", early)[0] == 200
    other = {"yes": "no", "no": "yes"}[table[0]["bought"]]
    assert server.ask("/feedback", early | {"outcome": other})[0] == 409
    for page, count in (("drift", "rows"), ("performance", "predictions")):
        status, document = server.ask(f"/model/{page}?window=3650d")
        found = {entry["model_version"]: entry[count] for entry in document["versions"]}
        assert status == 200 and found == Counter(row["model_version"] for row in rows)


def test_an_artifact_of_a_newer_format_is_refused_in_a_sentence(copies, models, make_client):
    _edit(copies / "artifacts" / STABLE / "manifest.json", format=2)
    sentence = "has format 2, this service reads format 1. Upgrade the service, or train again with this one."
    client = make_client(ARTIFACTS_DIR=str(copies / "artifacts"))
    health = client.get("/health")
    assert health.status_code == 503 and sentence in health.get_json()["reason"]
    promoted = models("promote", STABLE)
    assert promoted.exit_code == 1 and sentence in promoted.output


def test_a_routing_file_of_a_newer_format_is_refused_in_a_sentence(copies, make_client):
    _edit(copies / "artifacts" / "routing.json", format=2)
    with pytest.raises(RoutingError, match=r"has format 2, this release reads format 1\. Run the release that wrote"):
        read_routing(copies / "artifacts")
    health = make_client(ARTIFACTS_DIR=str(copies / "artifacts")).get("/health")
    assert health.status_code == 503 and "has format 2" in health.get_json()["reason"]


def test_a_database_of_a_newer_schema_is_refused_in_a_sentence(settings, copies):
    with closing(sqlite3.connect(copies / "var" / "predictions.db", isolation_level=None)) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(sinks.SchemaError, match=r"schema 9999, .* run the release that made it, or name another"):
        upgrade(settings)
    with pytest.raises(sinks.SchemaError):
        sinks.ensure_schema(settings)
    assert spool_files(spool_folder(settings)) and len(_recorded(copies / "var")) == RECORDED


@pytest.mark.parametrize("kind", ["a record's", "a model's"])
def test_a_line_of_a_newer_format_names_the_way_out(kind, copies):
    (path,) = spool_files(copies / "var" / "spool")
    model, record = path.read_bytes().splitlines()[:2]
    read, line = (read_record, record) if kind == "a record's" else (KnownModel.read, model)
    assert read(line)
    document = json.loads(line)
    (document if kind == "a record's" else document["model"])["format"] = 2
    with pytest.raises(CodecError, match=r"has format 2, this release reads format 1: start the release that wrote it"):
        read(json.dumps(document).encode())


@pytest.mark.process
def test_lines_of_a_newer_format_are_put_aside_and_those_behind_them_arrive(settings, copies):
    folder = spool_folder(settings)
    (path,) = spool_files(folder)
    lines = path.read_bytes().splitlines(keepends=True)
    records = [place for place, line in enumerate(lines) if line.startswith(b'{"prediction_id"')]
    newer = json.dumps(json.loads(lines[records[1]]) | {"format": 2}).encode() + b"\n"
    path.write_bytes(b"".join([*lines[: records[1]], newer, *lines[records[1] + 1 :]]))
    before = read_counts(folder)

    def drained():
        supervisor.drain(settings, 60)
        return not spool_files(folder)

    until(drained)
    assert len(_recorded(copies / "var")) == RECORDED + SPOOLED - 1
    assert (folder / QUARANTINE).read_bytes() == newer
    assert read_counts(folder).lost == before.lost + 1
