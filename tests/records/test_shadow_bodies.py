"""The shadow answers a batch in every format that a body comes in, after the client, and is recorded beside it."""

import json
import shutil

import pytest

from inference.routing import Routing, write_routing
from schemas.bodies import ARROW, CSV
from service.app import create_app
from service.settings import Settings
from service.web.parquet_process import PARQUET as PARQUET_PROCESS
from tests.models.conftest import FIRST, edit
from tests.records.conftest import spooled_lines
from tests.web.test_batch_formats import JSON, ROWS, TABLE, WRITERS

pytestmark = pytest.mark.usefixtures("no_shipper")  # these tests look into the spool itself
SHADOW = "shadow-1"


@pytest.fixture(scope="module", autouse=True)
def no_process_stays():
    yield
    PARQUET_PROCESS.close()


@pytest.fixture
def make_shadowed(artifacts, tmp_path):
    """Factory of a client and its settings; the shadow is the same model, its feature_1 renamed if that is given."""

    def make(renamed=""):
        shutil.copytree(artifacts / FIRST, artifacts / SHADOW)
        contract = json.loads((artifacts / FIRST / "manifest.json").read_bytes())["contract"]
        contract["features"][0]["name"] = renamed or "feature_1"
        edit(artifacts / SHADOW, version=SHADOW, contract=contract)
        write_routing(artifacts, Routing(FIRST, shadow=SHADOW))
        settings = Settings.read({"ARTIFACTS_DIR": str(artifacts), "VAR_DIR": str(tmp_path / "var")})
        return create_app(settings).test_client(), settings

    return make


def _records(settings):
    return {line["role"]: line for line in spooled_lines(settings) if "prediction_id" in line}


@pytest.mark.parametrize("media_type", WRITERS)
def test_the_shadow_records_the_same_rows_under_the_same_id(make_shadowed, media_type):
    accept = media_type if media_type in (CSV, ARROW) else JSON
    client, settings = make_shadowed()
    answer = client.post(
        "/predict/batch", data=WRITERS[media_type](TABLE), headers={"Content-Type": media_type, "Accept": accept}
    )
    assert answer.status_code == 200 and answer.mimetype == accept
    answer.close()
    found = _records(settings)
    assert found.keys() == {"stable", "shadow"}
    assert found["shadow"]["model_version"] == SHADOW
    same = ("prediction_id", "request_id", "rows", "predictions", "probabilities")
    assert [found["shadow"][name] for name in same] == [found["stable"][name] for name in same]
    assert len(found["shadow"]["predictions"]) == len(ROWS)


@pytest.mark.parametrize("media_type", WRITERS)
def test_a_shadow_of_other_columns_is_refused_in_the_log_and_costs_the_client_nothing(make_shadowed, media_type, capfd):
    client, settings = make_shadowed(renamed="feature_x")
    answer = client.post("/predict/batch", data=WRITERS[media_type](TABLE), headers={"Content-Type": media_type})
    assert answer.status_code == 200 and len(answer.json["predictions"]) == len(ROWS)
    answer.close()
    assert _records(settings).keys() == {"stable"}
    assert '"event":"shadow_refused"' in capfd.readouterr().out
